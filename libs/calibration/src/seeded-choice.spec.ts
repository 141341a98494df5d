import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRows } from './seeded-choice.ts';

const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const available = fc.integer({ min: 1, max: 200 });

describe('chooseRows', () => {
  it('is a permutation when all rows are chosen', () => {
    fc.assert(
      fc.property(available, seed, (rowCount, s) => {
        const chosen = chooseRows(rowCount, rowCount, s);
        expect([...chosen].sort((a, b) => a - b)).toEqual(Array.from({ length: rowCount }, (_, i) => i));
      }),
    );
  });

  it('chooses rows that exist, none twice, and all of them when too few exist', () => {
    fc.assert(
      fc.property(available, fc.integer({ min: 1, max: 400 }), seed, (rowCount, wanted, s) => {
        const chosen = chooseRows(rowCount, wanted, s);
        expect(chosen).toHaveLength(Math.min(rowCount, wanted));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(chosen.every((row) => row >= 0 && row < rowCount)).toBe(true);
      }),
    );
  });

  it('gives the same rows for the same seed, and the beginning of them for a smaller count', () => {
    fc.assert(
      fc.property(available, fc.integer({ min: 0, max: 200 }), seed, (rowCount, wanted, s) => {
        expect(chooseRows(rowCount, wanted, s)).toEqual(chooseRows(rowCount, rowCount, s).slice(0, wanted));
      }),
    );
  });

  it('gives the rows that runs before this one chose', () => {
    expect(chooseRows(10, 10, 0)).toEqual([7, 4, 2, 3, 9, 5, 8, 1, 6, 0]);
    expect(chooseRows(1000, 5, 42)).toEqual([605, 688, 413, 557, 966]);
  });

  it('chooses each row about equally often', () => {
    const counts = new Array<number>(8).fill(0);
    for (let s = 0; s < 8000; s++) counts[chooseRows(8, 1, s)[0]]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });
});
