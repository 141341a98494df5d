import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cell } from './cell.ts';
import { CellTable } from './cell-table.ts';
import { rowMeanNats, WINDOW_TARGETS, windowCount, windowSums } from './window.ts';

const ROW_TOKENS = [40, 2, 17];

function cell(row: number, value: number, candidate: number | null = 3): Cell {
  return {
    mask: [1],
    candidate,
    row,
    windowSums: new Float64Array(windowCount(ROW_TOKENS[row])).fill(value),
  };
}

describe('window', () => {
  it('sums per-token losses so that no token is lost or counted twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 0, max: 30, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (list) => {
          const nll = Float32Array.from(list);
          const sums = windowSums(nll);
          expect(sums.length).toBe(windowCount(nll.length + 1));
          sums.forEach((sum, i) => {
            const part = nll.subarray(i * WINDOW_TARGETS, (i + 1) * WINDOW_TARGETS);
            expect(sum).toBe(part.reduce((total, value) => total + value, 0));
          });
          expect(rowMeanNats(sums, nll.length)).toBeCloseTo(nll.reduce((a, b) => a + b, 0) / nll.length, 9);
        },
      ),
    );
  });

  it('has one target less than a row has tokens', () => {
    expect([2, 17, 18, 33].map(windowCount)).toEqual([1, 1, 2, 2]);
  });
});

describe('CellTable', () => {
  it('gives the same score to the last bit in whatever order cells arrive', () => {
    const values = [1 / 3, 7.1, 0.123456789];
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (order) => {
        const table = new CellTable(ROW_TOKENS);
        for (const row of order) table.add(cell(row, values[row]));
        const inOrder = new CellTable(ROW_TOKENS);
        for (const row of [0, 1, 2]) inOrder.add(cell(row, values[row]));
        expect(table.score([1], 3)).toEqual(inOrder.score([1], 3));
      }),
    );
  });

  it('has no score while a row is missing', () => {
    const table = new CellTable(ROW_TOKENS);
    table.add(cell(0, 1));
    table.add(cell(2, 1));
    expect(table.score([1], 3)).toBeUndefined();
    table.add(cell(1, 1));
    expect(table.score([1], 3)?.rows).toEqual([3 / 39, 1, 1 / 16]);
  });

  it('weighs every row the same, whatever its length', () => {
    const table = new CellTable(ROW_TOKENS);
    for (const row of [0, 1, 2]) table.add(cell(row, row));
    const { score, perplexity, rows } = table.score([1], 3) ?? { score: NaN, perplexity: NaN, rows: [] };
    expect(score).toBe((rows[0] + rows[1] + rows[2]) / 3);
    expect(perplexity).toBe(Math.exp(score));
  });

  it('keeps the first value: an equal one changes nothing, a different one is an error that names the cell', () => {
    const table = new CellTable(ROW_TOKENS);
    expect(table.add(cell(1, 5))).toBe(true);
    expect(table.add(cell(1, 5))).toBe(false);
    expect(() => table.add(cell(1, 5 + 1e-15))).toThrow(
      'cell mlp.0/mlp.1/1: two workers computed different values',
    );
    expect(table.rowMean({ mask: [1], candidate: 3, row: 1 })).toBe(5);
  });

  it('takes two NaN for equal, as two workers do that compute the same', () => {
    const table = new CellTable(ROW_TOKENS);
    table.add(cell(1, NaN));
    expect(table.add(cell(1, NaN))).toBe(false);
  });

  it('tells a base mask from a candidate', () => {
    const table = new CellTable(ROW_TOKENS);
    table.add(cell(1, 5, null));
    expect(table.has({ mask: [1], candidate: null, row: 1 })).toBe(true);
    expect(table.has({ mask: [1], candidate: 3, row: 1 })).toBe(false);
  });

  it('refuses a row that does not exist and a wrong number of windows', () => {
    const table = new CellTable(ROW_TOKENS);
    expect(() => table.add({ ...cell(0, 1), row: 3 })).toThrow('there are only 3 rows');
    expect(() => table.add({ ...cell(0, 1), row: 1 })).toThrow('3 window sums, but a row of 2 tokens has 1');
  });

  it('puts another value in the place of a wrong one, and only there', () => {
    const table = new CellTable(ROW_TOKENS);
    expect(() => table.replace(cell(0, 2))).toThrow(/there is no value to replace/);
    table.add(cell(0, 1));
    table.replace(cell(0, 2));
    expect(table.rowMean(cell(0, 2))).toBe((2 * windowCount(40)) / 39);
    expect(() => table.replace({ ...cell(0, 1), windowSums: new Float64Array(1) })).toThrow(/window sums/);
    expect(() => table.add(cell(0, 1))).toThrow(/different values/);
  });

  it('weighs sets of rows, and leaves rows behind them out of the score', () => {
    const sets = [
      { rowCount: 1, weight: 0.25 },
      { rowCount: 1, weight: 0.75 },
    ];
    const table = new CellTable(ROW_TOKENS, sets);
    table.add(cell(0, 13));
    table.add(cell(1, 4));
    expect(table.rowCount).toBe(2);
    expect(table.score([1], 3)).toEqual({ score: 3.25, perplexity: Math.exp(3.25), rows: [1, 4] });
    expect(table.add(cell(2, 1))).toBe(true);
    expect(table.windowSums(cell(2, 1))).toEqual(Float64Array.of(1));
    expect(table.windowSums({ ...cell(2, 1), candidate: 4 })).toBeUndefined();
  });
});
