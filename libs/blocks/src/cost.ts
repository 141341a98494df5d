import { blockKind, type BlockIndex } from './block.ts';
import { isRemoved } from './mask.ts';
import type { ModelShape } from './model-shape.ts';
import type { Sweep } from './sweep.ts';

/** Multiply-adds count as two. `tokens` is the length of one row. */
export function blockFlops(shape: ModelShape, block: BlockIndex, tokens: number): number {
  const { hiddenSize, headCount, kvHeadCount, headSize, intermediateSize } = shape;
  if (blockKind(block) === 'mlp') return 6 * tokens * hiddenSize * intermediateSize;
  const projections = 2 * tokens * hiddenSize * headSize * (2 * headCount + 2 * kvHeadCount);
  const attention = 2 * tokens * tokens * headCount * headSize; // causal: half of 4·T²·heads·headSize
  return projections + attention;
}

export function headFlops(shape: ModelShape, tokens: number): number {
  return 2 * tokens * shape.hiddenSize * shape.vocabSize;
}

/**
 * FLOPs of a sweep over one row with prefixes shared: the baseline walks up to the last candidate, each
 * candidate walks the live blocks behind its own and the head.
 */
export function sweepFlops(shape: ModelShape, sweep: Sweep, tokens: number): number {
  const blockCount = 2 * shape.layerCount;
  const behind = new Float64Array(blockCount + 1);
  for (let block = blockCount - 1; block >= 0; block--) {
    behind[block] = behind[block + 1] + (isRemoved(sweep.base, block) ? 0 : blockFlops(shape, block, tokens));
  }
  const head = headFlops(shape, tokens);
  const last = sweep.candidates.at(-1);
  const baseline = sweep.baseline ? behind[0] + head : last === undefined ? 0 : behind[0] - behind[last];
  return sweep.candidates.reduce((sum, block) => sum + behind[block + 1] + head, baseline);
}
