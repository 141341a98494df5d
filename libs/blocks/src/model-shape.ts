import { blockKind, type BlockIndex } from './block.ts';
import { formatMask, type Mask } from './mask.ts';

/** The sizes of a model that cost, memory and pruning ratio follow from. Parameter counts are of tensor elements. */
export interface ModelShape {
  readonly layerCount: number;
  /** Blocks that the model was made without, such as one that was pruned before; none where absent. */
  readonly absentBlocks?: Mask;
  readonly hiddenSize: number;
  /** Width of the feed-forward block. */
  readonly intermediateSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly vocabSize: number;
  /** Parameters of one attention block that is there: projections, biases and its norm. */
  readonly mhaParameters: number;
  /** Parameters of one feed-forward block that is there: projections, biases and its norm. */
  readonly mlpParameters: number;
  /** All parameters of the model, tied weights counted once. */
  readonly totalParameters: number;
}

export function isAbsent(
  { absentBlocks = [] }: Pick<ModelShape, 'absentBlocks'>,
  block: BlockIndex,
): boolean {
  return absentBlocks.includes(block);
}

/** @throws RangeError when a mask names blocks that the model was made without */
export function requirePresent(shape: Pick<ModelShape, 'absentBlocks'>, mask: Mask): void {
  const absent = mask.filter((block) => isAbsent(shape, block));
  if (absent.length > 0) throw new RangeError(`the model has no ${formatMask(absent)}: it was made without`);
}

export function blockParameters(shape: ModelShape, block: BlockIndex): number {
  if (isAbsent(shape, block)) return 0;
  return blockKind(block) === 'mha' ? shape.mhaParameters : shape.mlpParameters;
}

export function removedParameters(shape: ModelShape, mask: Mask): number {
  return mask.reduce((sum, block) => sum + blockParameters(shape, block), 0);
}

/** Removed parameters over all parameters, in `[0, 1)`. */
export function pruningRatio(shape: ModelShape, mask: Mask): number {
  return removedParameters(shape, mask) / shape.totalParameters;
}
