import type { Mask } from '@blockpruner/blocks';
import { orderRows, type CellTable, type SamplePlan } from '@blockpruner/perplexity';
import { decide } from './decide.ts';
import { standardErrorsFor } from './decision-confidence.ts';
import { candidatesOf, checkDense, denseStep, maskOf, scoreSoFar, stageOf } from './iteration.ts';
import { comparison } from './objective.ts';
import { checkProblem, isSolved, type SearchProblem } from './problem.ts';
import { pastIterationOf, RaceIteration } from './race-iteration.ts';
import type { Decision, Strategy } from './strategy.ts';

export interface RaceSettings {
  /** Probability that an iteration decides as all rows would, above 0; 1 drops nobody. */
  readonly confidence: number;
  /** Of the order in which rows are looked at. */
  readonly seed: number;
}

/** The looks of an iteration, kept from step to step: they follow from the cells, and would come out the same again. */
interface Kept {
  readonly cells: CellTable;
  readonly revision: number;
  readonly iteration: RaceIteration;
}

/**
 * The paper's search with most of its work left out: rows are looked at one after the other, and a candidate that is
 * clearly behind the leader on the rows so far is dropped. Whoever is left at the end has been scored on all rows.
 * @throws SearchError when the problem has no solution
 */
export function raceSearch(problem: SearchProblem, { confidence, seed }: RaceSettings): Strategy {
  checkProblem(problem);
  const kept = new WeakMap<object, Kept>();

  /** An iteration is known by the decision before it. */
  const iterationAfter = (decisions: readonly Decision[], mask: Mask, cells: CellTable): RaceIteration => {
    const key = decisions.at(-1) ?? problem;
    const known = kept.get(key);
    if (known?.cells === cells && known.revision === cells.revision) return known.iteration;
    const plan: SamplePlan = { sets: cells.sets, order: orderRows(cells.sets, seed) };
    const candidates = candidatesOf(problem, mask);
    const past = decisions.map((decision, i) =>
      pastIterationOf(stageOf(decisions.slice(0, i), problem), decision),
    );
    const standardErrors = standardErrorsFor(confidence, candidates.length - 1, cells.rowCount - 1);
    const iteration = new RaceIteration(
      { problem, ...stageOf(decisions, problem), candidates, plan, past, standardErrors },
      cells,
    );
    kept.set(key, { cells, revision: cells.revision, iteration });
    return iteration;
  };

  return {
    step(decisions, cells) {
      const mask = maskOf(decisions, problem);
      if (isSolved(problem, mask)) return { kind: 'done' };
      const isFirst = decisions.length === 0;
      if (isFirst) checkDense(problem, cells);
      const dense = isFirst ? denseStep(problem, cells) : undefined;
      if (dense) return dense;
      const iteration = iterationAfter(decisions, mask, cells);
      iteration.advance();
      const { alive, rowsLeft } = iteration;
      const [row, ...laterRows] = rowsLeft;
      if (row !== undefined) {
        const sweep = { base: mask, candidates: alive, baseline: isFirst };
        return { kind: 'evaluate', sweep, rows: [row], laterRows };
      }
      const unscored = isFirst ? rowsWithout(mask, cells) : [];
      if (unscored.length > 0) {
        const sweep = { base: mask, candidates: [], baseline: true };
        return { kind: 'evaluate', sweep, rows: unscored, laterRows: [] };
      }
      const candidates = iteration.scores();
      const finalists = candidates.filter(({ dropped }) => dropped === undefined);
      const decision = decide(
        decisions.length + 1,
        finalists,
        comparison(problem, scoreSoFar(decisions, problem, cells) ?? NaN),
      );
      return { kind: 'decide', decision: { ...decision, candidates } };
    },
  };
}

/** Calibration rows on which the mask itself has no cell. */
function rowsWithout(mask: Mask, cells: CellTable): number[] {
  return Array.from({ length: cells.rowCount }, (_, row) => row).filter(
    (row) => !cells.has({ mask, candidate: null, row }),
  );
}
