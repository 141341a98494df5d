import type { Sweep } from '@blockpruner/blocks';
import type { CellId, CellTable } from '@blockpruner/perplexity';

/** Cells that are wanted now, and rows on which the same candidates are likely to be wanted next. */
export interface CellDemand {
  readonly sweep: Sweep & { readonly inFp32?: boolean };
  readonly rows: readonly number[];
  readonly laterRows: readonly number[];
}

/** Demands all cells of a sweep on some rows, until they are there. */
export function wholeSweep(
  sweep: CellDemand['sweep'],
  rows: readonly number[],
  cells: CellTable,
): () => CellDemand | null {
  const candidates = sweep.baseline ? [...sweep.candidates, null] : sweep.candidates;
  const isThere = (row: number): boolean =>
    candidates.every((candidate) => cells.has({ mask: sweep.base, candidate, row }));
  return () => (rows.every(isThere) ? null : { sweep, rows, laterRows: [] });
}

/** So many cells wait for each worker, so that none idles while a look is decided. */
const CELLS_A_WORKER = 4;

/**
 * The rows to have computed now: those wanted, and as many of the later ones as keep the workers busy until it is known
 * who is wanted on them. Few, since what is computed too much is lost; all, where one candidate is left and nothing is
 * still to be decided.
 * @returns in ascending order
 */
export function rowsToCompute(
  { sweep, rows, laterRows }: CellDemand,
  workerCount: number,
  isMissing: (id: CellId) => boolean,
): number[] {
  if (laterRows.length === 0 || sweep.candidates.length <= 1)
    return [...rows, ...laterRows].sort((a, b) => a - b);
  const chosen = [...rows];
  const missingOf = (row: number): number =>
    sweep.candidates.filter((candidate) => isMissing({ mask: sweep.base, candidate, row })).length;
  let missing = rows.reduce((sum, row) => sum + missingOf(row), 0);
  for (const row of laterRows) {
    if (missing >= CELLS_A_WORKER * workerCount) break;
    chosen.push(row);
    missing += missingOf(row);
  }
  return chosen.sort((a, b) => a - b);
}
