import type { BlockIndex, Sweep } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import { cellCandidates, sameBlocks, type Work } from './task.ts';

/** Cells of one row that wait for a worker, in the order in which a sweep computes them: the baseline's own is the last. */
export interface Lot extends Sweep {
  readonly row: number;
  readonly inFp32?: boolean;
}

/** The missing cells of some work, row by row. */
export function lotsOf({ rows, ...sweep }: Work, isMissing: (id: CellId) => boolean): Lot[] {
  const mask = sweep.base;
  return rows
    .map((row) => ({
      ...sweep,
      candidates: sweep.candidates.filter((candidate) => isMissing({ mask, candidate, row })),
      baseline: sweep.baseline && isMissing({ mask, candidate: null, row }),
      row,
    }))
    .filter((lot) => lotSize(lot) > 0);
}

/** Cells of a lot. */
export function lotSize({ candidates, baseline }: Lot): number {
  return candidates.length + (baseline ? 1 : 0);
}

/** The first cells of a lot, and the others; a part without cells is null. */
export function splitLot(lot: Lot, count: number): [Lot | null, Lot | null] {
  if (count <= 0) return [null, lot];
  if (count >= lotSize(lot)) return [lot, null];
  return [
    { ...lot, candidates: lot.candidates.slice(0, count), baseline: false },
    { ...lot, candidates: lot.candidates.slice(count) },
  ];
}

/** Where each cell of a lot needs the baseline's stream: just before its candidate, or at the end of all blocks. */
export function forksOf(lot: Lot, blockCount: number): BlockIndex[] {
  return cellCandidates(lot).map((candidate) => candidate ?? blockCount);
}

/** Whether two lots are the same cells of different rows, and can go into one task. */
export function isAlike(a: Lot, b: Lot): boolean {
  return (
    a.baseline === b.baseline &&
    a.unit === b.unit &&
    a.inFp32 === b.inFp32 &&
    sameBlocks(a.base, b.base) &&
    sameBlocks(a.candidates, b.candidates)
  );
}

/** Lots that are alike, as one piece of work; rows ascend. */
export function workOf(lots: readonly Lot[]): Work {
  const { base, candidates, unit, baseline, inFp32 } = lots[0];
  return { base, candidates, unit, baseline, inFp32, rows: lots.map(({ row }) => row).sort((a, b) => a - b) };
}

/** The rows of some work as lots. */
export function lotsOfWork(work: Work): Lot[] {
  return lotsOf(work, () => true);
}
