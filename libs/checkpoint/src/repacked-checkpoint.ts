import {
  blockIndex,
  formatMask,
  removedParameters,
  repack,
  requirePresent,
  type Mask,
} from '@blockpruner/blocks';
import type { Checkpoint } from './checkpoint.ts';

/**
 * A checkpoint without the blocks of a mask, its live blocks regrouped into as few layers as there can be. Its tensors
 * stay where they are, under their own names.
 * @throws RangeError when the mask names blocks that are not there, or leaves none
 */
export function repackCheckpoint(checkpoint: Checkpoint, mask: Mask): Checkpoint {
  const { shape } = checkpoint;
  requirePresent(shape, mask);
  const packed = repack(shape, mask);
  if (packed.length === 0) throw new RangeError('no block is left: keep at least one');
  const layers = packed.map(({ mha, mlp }) => ({
    mha: mha === null ? null : checkpoint.layers[mha].mha,
    mlp: mlp === null ? null : checkpoint.layers[mlp].mlp,
  }));
  const absentBlocks = layers.flatMap(({ mha, mlp }, layer) => [
    ...(mha === null ? [blockIndex('mha', layer)] : []),
    ...(mlp === null ? [blockIndex('mlp', layer)] : []),
  ]);
  return {
    ...checkpoint,
    layers,
    shape: {
      ...shape,
      layerCount: layers.length,
      absentBlocks: absentBlocks.length > 0 ? absentBlocks : undefined,
      totalParameters: shape.totalParameters - removedParameters(shape, mask),
    },
    fingerprint: mask.length === 0 ? checkpoint.fingerprint : `${checkpoint.fingerprint} ${formatMask(mask)}`,
  };
}
