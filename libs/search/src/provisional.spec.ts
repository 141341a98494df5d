import { CellTable } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { shapeOf } from '../test/table-search.ts';
import type { SearchProblem } from './problem.ts';
import { provisionalRanking } from './provisional.ts';
import type { Decision } from './strategy.ts';

const ROWS = [17, 17, 17, 17];
const PROBLEM: SearchProblem = {
  shape: shapeOf(2),
  blockType: 'mix',
  stop: { kind: 'remove', count: 2 },
};

/** Adds the cell of a candidate on a row, with a mean of so many nats. */
function put(table: CellTable, mask: number[], candidate: number | null, row: number, nats: number): void {
  table.add({ mask, candidate, row, windowSums: Float64Array.of(16 * nats) });
}

describe('provisionalRanking', () => {
  it('ranks by what each candidate adds on the rows it has, so that hard rows do not count against it', () => {
    const table = new CellTable(ROWS);
    [1, 2, 3, 9].forEach((nats, row) => put(table, [], null, row, nats));
    for (const row of [0, 1]) put(table, [], 0, row, row + 1.5);
    for (const row of [2, 3]) put(table, [], 1, row, [3, 9][row - 2] + 0.2);
    for (const row of [0, 3]) put(table, [], 2, row, [1, 9][row === 0 ? 0 : 1] + 0.3);
    expect(provisionalRanking(PROBLEM, [], table)).toEqual([1, 2, 0]);
  });

  it('takes no one who has fewer than half of the rows, and no one where the model itself is not scored', () => {
    const table = new CellTable(ROWS);
    put(table, [], 0, 0, 1);
    put(table, [], 1, 0, 2);
    put(table, [], 1, 1, 2);
    expect(provisionalRanking(PROBLEM, [], table)).toEqual([]);
    for (const row of [0, 1]) put(table, [], null, row, 1);
    expect(provisionalRanking(PROBLEM, [], table)).toEqual([1]);
  });

  it('measures later iterations by the one that was removed last, and leaves out what is gone', () => {
    const table = new CellTable(ROWS);
    const decisions = [{ removed: 2 }] as unknown as Decision[];
    for (const row of [0, 1, 2, 3]) {
      put(table, [], 2, row, 5 + row);
      put(table, [2], 0, row, 6 + row);
      put(table, [2], 1, row, 5.5 + row);
    }
    expect(provisionalRanking(PROBLEM, decisions, table)).toEqual([1, 0]);
  });

  it('weighs the rows of several sets as the score does', () => {
    const sets = [
      { rowCount: 1, weight: 0.9 },
      { rowCount: 3, weight: 0.1 },
    ];
    const table = new CellTable(ROWS, sets);
    for (const row of [0, 1, 2, 3]) {
      put(table, [], null, row, 1);
      put(table, [], 0, row, row === 0 ? 2 : 1);
      put(table, [], 1, row, row === 0 ? 1 : 4);
    }
    expect(provisionalRanking(PROBLEM, [], table)).toEqual([1, 0]);
  });

  it('never has one whose cells are not finite lead', () => {
    const table = new CellTable(ROWS);
    for (const row of [0, 1, 2, 3]) {
      put(table, [], null, row, 1);
      put(table, [], 0, row, Number.NaN);
      put(table, [], 1, row, 3);
    }
    expect(provisionalRanking(PROBLEM, [], table)).toEqual([1]);
  });

  it('measures the first iteration by the start mask, leaves out what is kept, and goes by the objective', () => {
    const table = new CellTable(ROWS);
    for (const row of [0, 1, 2, 3]) {
      put(table, [], null, row, 0);
      put(table, [2], null, row, 1);
      put(table, [2], 0, row, 1.1);
      put(table, [2], 1, row, 1.2);
      put(table, [2], 3, row, 1);
    }
    const problem: SearchProblem = { ...PROBLEM, start: [2], keep: [3] };
    expect(provisionalRanking(problem, [], table)).toEqual([0, 1]);
    expect(provisionalRanking({ ...problem, objective: 'score-per-param' }, [], table)).toEqual([1, 0]);
  });
});
