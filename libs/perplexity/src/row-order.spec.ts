import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderRows } from './row-order.ts';

describe('the order of rows', () => {
  it('has each row once, with the set it is of, and takes from the sets in proportion', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(sizes, fc.nat(), (rowCounts, seed) => {
        const sets = rowCounts.map((rowCount) => ({ rowCount, weight: 1 / rowCounts.length }));
        const order = orderRows(sets, seed);
        const total = rowCounts.reduce((sum, count) => sum + count, 0);
        expect(order.map(({ row }) => row).sort((a, b) => a - b)).toEqual([...new Array(total).keys()]);
        const setOf = rowCounts.flatMap((count, set) => new Array<number>(count).fill(set));
        for (const { row, set } of order) expect(set).toBe(setOf[row]);
        rowCounts.forEach((count, set) => {
          for (let k = 0; k <= total; k++) {
            const taken = order.slice(0, k).filter((each) => each.set === set).length;
            expect(Math.abs(taken - (k * count) / total)).toBeLessThanOrEqual(rowCounts.length);
          }
        });
      }),
    );
  });

  it('is another one for another seed', () => {
    const sets = [{ rowCount: 20, weight: 1 }];
    expect(orderRows(sets, 1)).not.toEqual(orderRows(sets, 2));
  });
});
