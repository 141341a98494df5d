import { cellKey, type CellId } from '@blockpruner/perplexity';

/** Whether a cell is of the share that is computed twice: by its name and a seed alone, whoever computes it. */
export function isSampled(id: CellId, share: number, seed: number): boolean {
  if (share <= 0) return false;
  return hashOf(cellKey(id), seed) / 2 ** 32 < share;
}

/** Rows in an order of the seed's. */
export function seededOrder(rowCount: number, seed: number): number[] {
  const rows = Array.from({ length: rowCount }, (_, row) => ({ row, place: hashOf(`row ${row}`, seed) }));
  return rows.sort((a, b) => a.place - b.place || a.row - b.row).map(({ row }) => row);
}

/** FNV-1a, and a last mix, since names differ in few characters. */
function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
