import { formatBlock, formatMask, type BlockIndex, type Mask } from '@blockpruner/blocks';

/** What a cell is of: a base mask, the candidate removed on top of it (null: the base mask itself), and a row. */
export interface CellId {
  readonly mask: Mask;
  readonly candidate: BlockIndex | null;
  /** Index of the row in the calibration set. */
  readonly row: number;
}

/** The window sums (nats, float64) of one (mask, candidate, row). Only sums merge; a mean never does. */
export interface Cell extends CellId {
  readonly windowSums: Float64Array;
}

export function cellKey(id: CellId): string {
  const candidate = id.candidate === null ? 'base' : formatBlock(id.candidate);
  return `${formatMask(id.mask)}/${candidate}/${id.row}`;
}

/** Whether two values of one cell are the same, bit for bit (NaN equals NaN). */
export function sameCellValue(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
