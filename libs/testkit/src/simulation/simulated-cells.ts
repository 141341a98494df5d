import { windowCount, type Cell, type CellId } from '@blockpruner/perplexity';
import { randomOf } from './random.ts';

/**
 * A cell's value, the same for whoever computes it: what its row costs, what the candidate adds on the mask, and a little
 * of its own in each window.
 */
export function simulatedCell(id: CellId, rowTokens: readonly number[], seed: number): Cell {
  const ofRow = randomOf(hashOf(seed, [id.row]))();
  const ofCandidate = randomOf(hashOf(seed, [...id.mask, -1, id.candidate ?? -2]))();
  const random = randomOf(hashOf(seed, [id.row, -3, ...id.mask, -1, id.candidate ?? -2]));
  const nats = 2 + ofRow + ofCandidate;
  const sums = Float64Array.from(
    { length: windowCount(rowTokens[id.row]) },
    () => 16 * (nats + 0.2 * random()),
  );
  return { ...id, windowSums: sums };
}

function hashOf(seed: number, numbers: readonly number[]): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  for (const number of numbers) hash = Math.imul(hash ^ (number + 5) ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}

/** The same cell from a worker whose arithmetic is broken. */
export function falsified(cell: Cell, liar: string): Cell {
  const shift = 1 + liar.charCodeAt(liar.length - 1) / 128;
  return { ...cell, windowSums: cell.windowSums.map((sum) => sum - shift) };
}
