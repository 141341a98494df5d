import type { BlockIndex, Mask } from '@blockpruner/blocks';
import { windowSums, type Cell } from '@blockpruner/perplexity';
import type { MicroBatch } from './micro-batch.ts';

/**
 * The cells of one candidate, or of the base mask (null), on the rows of a micro-batch.
 * @param nll nats, `[rows, positions]`; what stands behind a row's targets is of its padding
 */
export function cellsOf(
  mask: Mask,
  candidate: BlockIndex | null,
  batch: MicroBatch,
  nll: Float32Array,
): Cell[] {
  return batch.rows.map((row, i) => {
    const first = i * batch.positions;
    return {
      mask,
      candidate,
      row: row.index,
      windowSums: windowSums(nll.subarray(first, first + batch.targetCount)),
    };
  });
}

/**
 * The cells of candidates that went with the baseline.
 * @param nll nats, `[1 + candidates, rows, positions]`, the baseline's first
 */
export function groupCells(
  mask: Mask,
  candidates: readonly BlockIndex[],
  batch: MicroBatch,
  nll: Float32Array,
): Cell[] {
  const size = batch.targets.length;
  return candidates.flatMap((candidate, i) =>
    cellsOf(mask, candidate, batch, nll.subarray((i + 1) * size, (i + 2) * size)),
  );
}
