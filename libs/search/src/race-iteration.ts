import type { BlockIndex } from '@blockpruner/blocks';
import {
  scaleWindows,
  type CellId,
  type CellTable,
  type RowWindows,
  type SamplePlan,
} from '@blockpruner/perplexity';
import type { Stage } from './iteration.ts';
import { rankedWindows } from './objective.ts';
import type { SearchProblem } from './problem.ts';
import { look, partialScore, type PastPair, type Sight } from './look.ts';
import type { CandidateScore, Decision, Drop } from './strategy.ts';

/** An iteration that has been decided: who had how many rows. */
export interface PastIteration extends Stage {
  readonly rowCounts: ReadonlyMap<BlockIndex, number>;
}

export function pastIterationOf(stage: Stage, { candidates }: Decision): PastIteration {
  return { ...stage, rowCounts: new Map(candidates.map(({ block, rowCount }) => [block, rowCount])) };
}

/** Fewer windows tell no variance. */
const LEAST_WINDOWS = 16;

export interface RaceOptions extends Stage {
  readonly problem: Pick<SearchProblem, 'objective' | 'shape'>;
  /** In execution order. */
  readonly candidates: readonly BlockIndex[];
  readonly plan: SamplePlan;
  /** Earlier iterations, the first one first. */
  readonly past: readonly PastIteration[];
  /** By how many standard errors a candidate must be behind to be dropped. */
  readonly standardErrors: number;
}

/**
 * The looks of one iteration of a race, as far as the cells allow.
 *
 * Invariants:
 * 1. Look k is decided by the first k rows of the order, of the candidates that look k-1 has left, once all those cells are
 *    there: cells beyond decide nothing, whoever computed them, and whenever.
 * 2. The leader of a look is left by it, so somebody is left at the end, with all rows.
 * 3. Of earlier iterations only cells that decided something there are used: rows up to a candidate's last look.
 */
export class RaceIteration {
  private readonly options: RaceOptions;
  private readonly cells: CellTable;
  private left: readonly BlockIndex[];
  private looks = 0;
  private readonly drops = new Map<BlockIndex, CandidateScore>();
  /** What candidates are ranked by, on the rows looked at. */
  private readonly windows = new Map<BlockIndex, RowWindows[]>();
  private readonly pastWindows = new Map<string, RowWindows[]>();

  constructor(options: RaceOptions, cells: CellTable) {
    this.options = options;
    this.cells = cells;
    this.left = options.candidates;
  }

  /** Candidates that are still in the race, in execution order. */
  get alive(): readonly BlockIndex[] {
    return this.left;
  }

  /** Rows that nobody has looked at, in order. */
  get rowsLeft(): readonly number[] {
    return this.options.plan.order.slice(this.looks).map(({ row }) => row);
  }

  /** Decides every look whose cells are there. */
  advance(): void {
    const { plan } = this.options;
    while (this.looks < plan.order.length && this.hasNextRow()) {
      this.looks++;
      if (this.looks < plan.order.length && this.left.length > 1 && this.isEnough()) this.decideLook();
    }
  }

  /** All candidates: those dropped with what they had, the others with their scores over all rows. */
  scores(): CandidateScore[] {
    const { candidates, mask } = this.options;
    const { rowCount } = this.cells;
    return candidates.map(
      (block) => this.drops.get(block) ?? { block, score: this.cells.score(mask, block)!.score, rowCount },
    );
  }

  private hasNextRow(): boolean {
    const { row } = this.options.plan.order[this.looks];
    const next = new Map<BlockIndex, RowWindows>();
    for (const candidate of this.left) {
      const windows = this.rankedOn(row, candidate, this.options);
      if (windows === undefined) return false;
      next.set(candidate, windows);
    }
    for (const [candidate, scaled] of next) {
      const windows = this.windows.get(candidate);
      if (windows) windows.push(scaled);
      else this.windows.set(candidate, [scaled]);
    }
    return true;
  }

  /** Whether every set has been seen, with windows enough for a variance. */
  private isEnough(): boolean {
    const { sets, order } = this.options.plan;
    const windows = sets.map(() => 0);
    const [first] = this.left;
    this.windows.get(first)!.forEach(({ length }, place) => (windows[order[place].set] += length));
    return windows.every((count) => count >= LEAST_WINDOWS);
  }

  private decideLook(): void {
    const { plan, standardErrors } = this.options;
    const sight: Sight = {
      plan,
      rowCount: this.looks,
      windowsOf: (block) => this.windows.get(block)!,
      pastOf: (a, b) => this.pastOf(a, b),
    };
    const dropped = look(this.left, sight, standardErrors);
    for (const [block, drop] of dropped) this.drop(block, this.scoreSoFar(block), drop);
    this.left = this.left.filter((block) => !dropped.has(block)); // (2)
  }

  /** Mean over the rows so far, nats. */
  private scoreSoFar(block: BlockIndex): number {
    const { plan, mask } = this.options;
    const windows = plan.order
      .slice(0, this.looks)
      .map(({ row }) => this.scaled({ mask, candidate: block, row })!);
    return partialScore({ plan, rowCount: this.looks, windowsOf: () => windows }, block);
  }

  /** What a candidate is ranked by on a row; undefined while a cell is missing. */
  private rankedOn(row: number, candidate: BlockIndex, { mask, present }: Stage): RowWindows | undefined {
    const windows = this.scaled({ mask, candidate, row });
    const { problem } = this.options;
    if (windows === undefined || problem.objective !== 'score-per-param') return windows;
    const soFar = this.scaled({ ...present, row });
    return soFar && rankedWindows(problem, candidate, windows, soFar);
  }

  private scaled(id: CellId): RowWindows | undefined {
    const sums = this.cells.windowSums(id);
    return sums && scaleWindows(sums, this.cells.rowTokens[id.row]);
  }

  private drop(block: BlockIndex, score: number, dropped: Drop): void {
    this.drops.set(block, { block, score, rowCount: this.looks, dropped });
    this.windows.delete(block);
  }

  /** Of the earlier iteration that has both candidates on the most rows, the latest of those. */
  private pastOf(a: BlockIndex, b: BlockIndex): PastPair | null {
    let best: { readonly past: PastIteration; readonly rows: number } | null = null;
    for (const past of this.options.past) {
      const rows = Math.min(past.rowCounts.get(a) ?? 0, past.rowCounts.get(b) ?? 0);
      if (rows > this.looks && rows >= (best?.rows ?? 0)) best = { past, rows };
    }
    if (best === null) return null;
    return { a: this.pastWindowsOf(best.past, a), b: this.pastWindowsOf(best.past, b) };
  }

  private pastWindowsOf(past: PastIteration, candidate: BlockIndex): RowWindows[] {
    const key = `${past.mask.length}/${candidate}`;
    let windows = this.pastWindows.get(key);
    if (windows === undefined) {
      const { order } = this.options.plan;
      const rows = order.slice(0, past.rowCounts.get(candidate));
      windows = rows.map(({ row }) => this.rankedOn(row, candidate, past)!); // (3)
      this.pastWindows.set(key, windows);
    }
    return windows;
  }
}
