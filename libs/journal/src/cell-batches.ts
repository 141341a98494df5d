import { formatMask } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import { MAX_RECORD_BYTES, recordBytes } from './cell-record.ts';

/** Keeps a journal line far below its limit, at some 20 bytes a cell. */
const MAX_BATCH_CELLS = 50_000;

/** Splits cells, in order, into runs of one mask that each fit a record of `cells.bin` and a line of the journal. */
export function cellBatches(cells: readonly Cell[]): Cell[][] {
  const batches: Cell[][] = [];
  let mask: string | undefined;
  let valueCount = 0;
  for (const cell of cells) {
    const cellMask = formatMask(cell.mask);
    const batch = batches.at(-1);
    const fits =
      batch !== undefined &&
      cellMask === mask &&
      batch.length < MAX_BATCH_CELLS &&
      recordBytes(valueCount + cell.windowSums.length) <= MAX_RECORD_BYTES;
    if (fits) {
      batch.push(cell);
      valueCount += cell.windowSums.length;
    } else {
      batches.push([cell]);
      mask = cellMask;
      valueCount = cell.windowSums.length;
    }
  }
  return batches;
}
