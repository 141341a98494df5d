import { blockKind, type BlockIndex } from './block.ts';
import type { Mask } from './mask.ts';

/** The sizes of a model that cost, memory and pruning ratio follow from. Parameter counts are of tensor elements. */
export interface ModelShape {
  readonly layerCount: number;
  readonly hiddenSize: number;
  /** Width of the feed-forward block. */
  readonly intermediateSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly vocabSize: number;
  /** Parameters of one attention block: projections, biases and its norm. */
  readonly mhaParameters: number;
  /** Parameters of one feed-forward block: projections, biases and its norm. */
  readonly mlpParameters: number;
  /** All parameters of the model, tied weights counted once. */
  readonly totalParameters: number;
}

export function blockParameters(shape: ModelShape, block: BlockIndex): number {
  return blockKind(block) === 'mha' ? shape.mhaParameters : shape.mlpParameters;
}

export function removedParameters(shape: ModelShape, mask: Mask): number {
  return mask.reduce((sum, block) => sum + blockParameters(shape, block), 0);
}

/** Removed parameters over all parameters, in `[0, 1)`. */
export function pruningRatio(shape: ModelShape, mask: Mask): number {
  return removedParameters(shape, mask) / shape.totalParameters;
}
