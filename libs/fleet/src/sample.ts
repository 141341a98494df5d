import { cellKey, seededHash, type CellId } from '@blockpruner/perplexity';

/** Whether a cell is of the share that is computed twice: by its name and a seed alone, whoever computes it. */
export function isSampled(id: CellId, share: number, seed: number): boolean {
  if (share <= 0) return false;
  return seededHash(cellKey(id), seed) / 2 ** 32 < share;
}
