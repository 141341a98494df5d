import type { RowSet } from './row-set.ts';
import { seededOrder } from './seeded-order.ts';

/** A calibration row at its place in the order in which rows are looked at. */
export interface OrderedRow {
  readonly row: number;
  /** Which of the sets it is of. */
  readonly set: number;
}

/**
 * All calibration rows in an order of the seed's: random within each set, and the sets interleaved in proportion to
 * their rows, so that the first rows are a sample of all of them.
 */
export function orderRows(sets: readonly RowSet[], seed: number): OrderedRow[] {
  let first = 0;
  return sets
    .flatMap(({ rowCount }, set) => {
      const rows = seededOrder(rowCount, seed).map((row, i) => ({
        row: first + row,
        set,
        share: (i + 0.5) / rowCount,
      }));
      first += rowCount;
      return rows;
    })
    .sort((a, b) => a.share - b.share || a.set - b.set)
    .map(({ row, set }) => ({ row, set }));
}
