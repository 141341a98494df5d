import { sweepFlops } from '@blockpruner/blocks';
import { CellTable, type Cell, type CellId } from '@blockpruner/perplexity';
import {
  verifyDecision,
  type Decision,
  type SearchProblem,
  type Step,
  type Strategy,
} from '@blockpruner/search';

/** What one iteration of a strategy took, and whether it chose as the exhaustive search does. */
export interface ReplayedIteration {
  readonly iteration: number;
  readonly isWrong: boolean;
  /** By how much the removed block's score on all rows lies above the best one, nats; 0 where it is right. */
  readonly regretNats: number;
  /** Cells computed, those of the dense model left out: rows times candidates. */
  readonly cells: number;
  readonly flops: number;
}

/**
 * Plays a strategy on the cells of an exhaustive search: it gets those that it asks for, and no others. Where it decides
 * otherwise, the iteration counts as wrong and the next one starts from the exhaustive decision, so that every
 * iteration of the search is judged, at the same masks for any strategy.
 * @param exact decisions of the exhaustive search
 * @throws Error where the strategy asks for a cell that was not recorded, or ends early
 */
export function replaySearch(
  strategy: Strategy,
  problem: SearchProblem,
  recorded: CellTable,
  exact: readonly Decision[],
): ReplayedIteration[] {
  const cells = new CellTable(recorded.rowTokens, recorded.sets);
  const decisions: Decision[] = [];
  return exact.map((expected) => {
    let computed = 0;
    let flops = 0;
    for (;;) {
      const step = strategy.step(decisions, cells);
      if (step.kind === 'done')
        throw new Error(`the strategy ended before iteration ${expected.iteration} of ${exact.length}`);
      if (step.kind === 'evaluate') {
        const work = takeRecorded(step, recorded, cells);
        if (work.every(({ candidates, baseline }) => candidates.length === 0 && !baseline))
          throw new Error(`iteration ${expected.iteration}: the strategy asks for cells that it has`);
        computed += work.reduce((sum, { candidates }) => sum + candidates.length, 0);
        for (const { row, ...asked } of work)
          flops += sweepFlops(problem.shape, { ...step.sweep, ...asked }, cells.rowTokens[row]);
        continue;
      }
      const { iteration } = expected;
      const judged = verifyDecision(problem, [...decisions, step.decision], iteration, recorded);
      if (judged.kind !== 'found') throw new Error(`cells of iteration ${iteration} were not recorded`);
      const { removed, best, regretNats } = judged.finding;
      const isWrong = removed !== best;
      // What it knows of its candidates stays its own.
      decisions.push({ ...step.decision, removed: best });
      return { iteration, isWrong, regretNats, cells: computed, flops };
    }
  });
}

/** The decisions that the exhaustive search makes of its own cells. */
export function exactDecisions(exhaustive: Strategy, recorded: CellTable): Decision[] {
  const decisions: Decision[] = [];
  for (;;) {
    const step = exhaustive.step(decisions, recorded);
    if (step.kind === 'done') return decisions;
    if (step.kind === 'evaluate')
      throw new Error(`cells of iteration ${decisions.length + 1} were not recorded`);
    decisions.push(step.decision);
  }
}

/** What a row of an `evaluate` step lacks is copied. @returns that, row by row */
function takeRecorded(
  { sweep, rows }: Extract<Step, { kind: 'evaluate' }>,
  recorded: CellTable,
  cells: CellTable,
) {
  const lacks = (id: CellId): boolean => {
    if (cells.has(id)) return false;
    cells.add(recordedCell(recorded, id));
    return true;
  };
  return rows.map((row) => ({
    row,
    candidates: sweep.candidates.filter((candidate) => lacks({ mask: sweep.base, candidate, row })),
    baseline: sweep.baseline && lacks({ mask: sweep.base, candidate: null, row }),
  }));
}

function recordedCell(recorded: CellTable, id: CellId): Cell {
  const windowSums = recorded.windowSums(id);
  if (windowSums === undefined)
    throw new Error(
      `row ${id.row} of candidate ${id.candidate ?? 'none'} on ${id.mask.join('+')} was not recorded`,
    );
  return { ...id, windowSums };
}
