import type { Cell } from '@blockpruner/perplexity';
import type { Cell as CellProto, Cell__Output } from './gen/blockpruner/v1/Cell.ts';
import { MAX_BATCH_CELLS, MAX_BLOCKS, MAX_CALIBRATION_ROWS, MAX_WINDOWS } from './limits.ts';
import { ascending, doubles, list, reject, rejectAs, whole, type Check } from './validate.ts';

const block = whole(0, MAX_BLOCKS - 1);
const mask = ascending(MAX_BLOCKS - 1);
const row = whole(0, MAX_CALIBRATION_ROWS - 1);
const windowSums = doubles(1, MAX_WINDOWS);

export function cellToProto(cell: Cell): CellProto {
  return {
    mask: [...cell.mask],
    ...(cell.candidate === null ? {} : { candidate: cell.candidate }),
    row: cell.row,
    windowSums: Array.from(cell.windowSums),
  };
}

const oneCell: Check<Cell> = (value, at) => {
  const proto = value as Cell__Output;
  const removed = mask(proto.mask, `${at}.mask`);
  const candidate = proto.candidate === undefined ? null : block(proto.candidate, `${at}.candidate`);
  if (candidate !== null && removed.includes(candidate)) {
    reject(`${at}.candidate`, candidate, 'must not be a block of the mask');
  }
  return {
    mask: removed,
    candidate,
    row: row(proto.row, `${at}.row`),
    windowSums: windowSums(proto.windowSums, `${at}.windowSums`),
  };
};

const cells = list(oneCell, 1, MAX_BATCH_CELLS);

/** The cells of one batch. A row has one length, so its cells have equally many windows. */
export function cellsFromProto(value: unknown, at: string): Cell[] {
  const batch = cells(value, at);
  const windows = new Map<number, number>();
  batch.forEach(({ row, windowSums }, i) => {
    const expected = windows.get(row) ?? windowSums.length;
    windows.set(row, expected);
    if (windowSums.length !== expected) {
      rejectAs(
        `${at}[${i}].windowSums`,
        `has ${windowSums.length} elements`,
        `row ${row} has ${expected} in an earlier cell`,
      );
    }
  });
  return batch;
}
