import { CellTable, weighSets, type RowSet } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { SearchProblem } from './problem.ts';
import { setChoices } from './set-choices.ts';
import { shapeOf } from '../test/table-search.ts';

const PROBLEM: SearchProblem = { shape: shapeOf(2), blockType: 'mix', stop: { kind: 'remove', count: 1 } };
const ROW_TOKENS = [9, 9, 9];
const SETS = weighSets([1, 2], [0.75, 0.25]);

/** @param means of each candidate on each row; undefined where it was not scored */
function decisionOf(means: readonly (number | undefined)[][], sets: readonly RowSet[] = SETS) {
  const cells = new CellTable(ROW_TOKENS, sets);
  means.forEach((rows, candidate) =>
    rows.forEach((mean, row) => {
      if (mean !== undefined) cells.add({ mask: [], candidate, row, windowSums: Float64Array.of(8 * mean) });
    }),
  );
  const candidates = means.map((rows, block) => ({
    block,
    score: cells.score([], block)?.score ?? 0.5, // of the rows it has
    rowCount: rows.filter((mean) => mean !== undefined).length,
  }));
  return {
    decision: decide(
      1,
      candidates.filter(({ rowCount }) => rowCount === 3),
    ),
    candidates,
    cells,
  };
}

describe('setChoices', () => {
  it('says what each set would have chosen, and how much better that is on it', () => {
    const { decision, cells } = decisionOf([
      [1, 4, 6],
      [2, 3, 3],
    ]);
    expect(decision.removed).toBe(0);
    expect(setChoices(PROBLEM, [], decision, cells)).toEqual([
      { score: 1, best: 0, gainNats: 0 },
      { score: 5, best: 1, gainNats: 2 },
    ]);
  });

  it('leaves out candidates that were not scored on all rows', () => {
    const { decision, candidates, cells } = decisionOf([
      [1, 4, 6],
      [0.5, undefined, undefined],
    ]);
    cells.add({ mask: [], candidate: 1, row: 1, windowSums: Float64Array.of(0) });
    cells.add({ mask: [], candidate: 1, row: 2, windowSums: Float64Array.of(0) }); // after the decision
    expect(setChoices(PROBLEM, [], { ...decision, candidates }, cells)).toEqual([
      { score: 1, best: 0, gainNats: 0 },
      { score: 5, best: 0, gainNats: 0 },
    ]);
  });

  it('breaks a tie of a set by the rule of the paper, and takes no score that is not finite', () => {
    const { decision, cells } = decisionOf([
      [2, 3, 3],
      [1, 3, 3],
      [0, NaN, 3],
    ]);
    expect(decision.removed).toBe(1);
    expect(setChoices(PROBLEM, [], decision, cells)).toEqual([
      { score: 1, best: 2, gainNats: 1 },
      { score: 3, best: 0, gainNats: 0 },
    ]);
  });

  it('says nothing where there is one set', () => {
    const { decision, cells } = decisionOf([[1, 4, 6]], [{ rowCount: 3, weight: 1 }]);
    expect(setChoices(PROBLEM, [], decision, cells)).toBeUndefined();
  });

  it('goes by the objective, from the score that each set has so far', () => {
    const { decision, cells } = decisionOf([
      [1.25, 1.5, 1.5],
      [1.5, 1.5625, 1.5625],
    ]);
    for (const row of [0, 1, 2])
      cells.add({ mask: [], candidate: null, row, windowSums: Float64Array.of(8) });
    const problem: SearchProblem = { ...PROBLEM, objective: 'score-per-param' };
    // The second block has 250 parameters, the first one 100.
    expect(setChoices(problem, [], decision, cells)).toEqual([
      { score: 1.25, best: 1, gainNats: 2500 - 2000 },
      { score: 1.5, best: 1, gainNats: 5000 - 2250 },
    ]);
  });
});
