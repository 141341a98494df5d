import type { BlockIndex } from '@blockpruner/blocks';
import { rowsToCompute } from '@blockpruner/fleet';
import type { CellId, CellTable } from '@blockpruner/perplexity';
import {
  maskOf,
  provisionalRanking,
  type Decision,
  type SearchProblem,
  type Strategy,
} from '@blockpruner/search';
import type { RunningFleet } from './running-fleet.ts';

/**
 * What a search has done ahead of its decisions: workers that would wait confirm the numbers of those who lead, and begin
 * with the next iteration as if the leader had been removed. Nothing of it enters a decision before its time: a cell is of
 * one mask, and is looked at only once that mask has been decided.
 */
export class Foresight {
  private readonly strategy: Strategy;
  private readonly problem: SearchProblem;
  private readonly fleet: RunningFleet;
  private readonly cells: CellTable;

  constructor(
    strategy: Strategy,
    problem: SearchProblem,
    { fleet, cells }: { readonly fleet: RunningFleet; readonly cells: CellTable },
  ) {
    this.strategy = strategy;
    this.problem = problem;
    this.fleet = fleet;
    this.cells = cells;
  }

  /** A worker has nothing to do while the cells of an iteration come in. */
  onWaiting(decisions: readonly Decision[]): void {
    const leaders = provisionalRanking(this.problem, decisions, this.cells).slice(0, 2);
    if (leaders.length === 0) return;
    this.fleet.driver.confirmSoFar(maskOf(decisions, this.problem), leaders);
    this.begin(decisions, leaders[0]);
  }

  /**
   * Has the numbers that a decision is between computed by two workers on a few rows, where there are two.
   * @returns whether the decision stands: false where numbers were found to be wrong and replaced
   */
  async isConfirmed(decision: Decision, decisions: readonly Decision[], title: string): Promise<boolean> {
    const { removed, runnerUp } = decision;
    const contenders = runnerUp === null ? [removed] : [removed, runnerUp];
    const mask = maskOf(decisions, this.problem);
    // First: where all cells of the mask came ahead, they are to count before anything else runs ahead.
    this.fleet.driver.confirmSoFar(mask, contenders);
    this.begin(decisions, removed);
    await this.fleet.confirm(mask, contenders, `${title}, confirming`);
    return this.stands(decision, decisions);
  }

  /** Whether the numbers that a decision was made of are still those that there are. */
  stands(decision: Decision, decisions: readonly Decision[]): boolean {
    const again = this.strategy.step(decisions, this.cells);
    return (
      again.kind === 'decide' &&
      again.decision.removed === decision.removed &&
      again.decision.score === decision.score &&
      again.decision.margin === decision.margin
    );
  }

  private begin(decisions: readonly Decision[], removed: BlockIndex): void {
    const assumed = { iteration: decisions.length + 1, removed, score: NaN, perplexity: NaN };
    const step = this.strategy.step(
      [...decisions, { ...assumed, runnerUp: null, margin: null, candidates: [] }],
      this.cells,
    );
    if (step.kind !== 'evaluate') return;
    const isMissing = (id: CellId): boolean => !this.cells.has(id);
    const rows = rowsToCompute(step, this.fleet.driver.readyCount, isMissing);
    this.fleet.driver.runAhead(step.sweep, rows, isMissing);
  }
}
