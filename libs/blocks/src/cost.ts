import { blockKind, type BlockIndex } from './block.ts';
import { isRemoved, type Mask } from './mask.ts';
import { isAbsent, type ModelShape } from './model-shape.ts';
import { unitOf, type Sweep } from './sweep.ts';
import { unitEnd } from './unit.ts';

/**
 * Floating-point operations of one row, a multiply-add counted as two. They are those of the matrix products: norms,
 * activations, biases and the embedding are left out. A row of T tokens has T−1 positions, as its last token is only
 * a target; padding is not counted. What an engine computes twice, or not at all because it still has it from before,
 * makes no difference here.
 */

/**
 * FLOPs of a block on a row of `rowTokens` tokens. A position attends to itself and those before it. A sliding window
 * is not taken into account: the CPU's kernel multiplies the whole rows, and masks afterwards.
 */
export function blockFlops(shape: ModelShape, block: BlockIndex, rowTokens: number): number {
  const { hiddenSize, headCount, kvHeadCount, headSize, intermediateSize } = shape;
  if (isAbsent(shape, block)) return 0;
  const positions = rowTokens - 1;
  if (blockKind(block) === 'mlp') return 6 * positions * hiddenSize * intermediateSize;
  const projections = 2 * positions * hiddenSize * headSize * (2 * headCount + 2 * kvHeadCount);
  const attendedPairs = (positions * (positions + 1)) / 2;
  return projections + 4 * attendedPairs * headCount * headSize;
}

export function headFlops(shape: ModelShape, rowTokens: number): number {
  return 2 * (rowTokens - 1) * shape.hiddenSize * shape.vocabSize;
}

/** FLOPs of one pass without sharing: the blocks that the mask leaves, and the head. */
export function baselineFlops(shape: ModelShape, mask: Mask, rowTokens: number): number {
  return flopsBehind(shape, mask, rowTokens)[0] + headFlops(shape, rowTokens);
}

/**
 * FLOPs that a cell of a sweep takes on top of the baseline's walk to it: the live blocks behind its unit and the
 * head; the whole pass for the baseline's own cell (null).
 */
export function cellFlops(
  shape: ModelShape,
  sweep: Sweep,
  candidate: BlockIndex | null,
  rowTokens: number,
): number {
  const start = candidate === null ? 0 : unitEnd(unitOf(sweep), candidate);
  return flopsBehind(shape, sweep.base, rowTokens)[start] + headFlops(shape, rowTokens);
}

/**
 * FLOPs of a sweep over one row with prefixes shared: the baseline walks up to the last candidate, or through the head
 * where it has a cell of its own; each candidate walks the live blocks behind its own and the head.
 */
export function sweepFlops(shape: ModelShape, sweep: Sweep, rowTokens: number): number {
  const behind = flopsBehind(shape, sweep.base, rowTokens);
  const head = headFlops(shape, rowTokens);
  const last = sweep.candidates.at(-1);
  const baseline = sweep.baseline ? behind[0] + head : last === undefined ? 0 : behind[0] - behind[last];
  const unit = unitOf(sweep);
  return sweep.candidates.reduce((sum, first) => sum + behind[unitEnd(unit, first)] + head, baseline);
}

/** FLOPs of the blocks that the mask leaves from each boundary to the head. */
function flopsBehind(shape: ModelShape, mask: Mask, rowTokens: number): Float64Array {
  const blockCount = 2 * shape.layerCount;
  const behind = new Float64Array(blockCount + 1);
  for (let block = blockCount - 1; block >= 0; block--) {
    behind[block] = behind[block + 1] + (isRemoved(mask, block) ? 0 : blockFlops(shape, block, rowTokens));
  }
  return behind;
}
