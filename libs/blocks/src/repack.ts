import { blockKind, blockLayer, type BlockIndex } from './block.ts';
import { isRemoved, type Mask } from './mask.ts';
import { isAbsent, type ModelShape } from './model-shape.ts';

/** A layer of the repacked model, by the layers that its blocks come from; null where it lacks one. */
export interface PackedLayer {
  readonly mha: number | null;
  readonly mlp: number | null;
}

/**
 * Regroups the blocks that are left, in their order, into as few [attention][feed-forward] layers as there can be. No
 * number of the model changes by it: neither the rotary embedding nor the cache of keys and values depends on the
 * number of a layer.
 */
export function repack(shape: Pick<ModelShape, 'layerCount' | 'absentBlocks'>, mask: Mask): PackedLayer[] {
  const layers: PackedLayer[] = [];
  for (let block: BlockIndex = 0; block < 2 * shape.layerCount; block++) {
    if (isAbsent(shape, block) || isRemoved(mask, block)) continue;
    const layer = blockLayer(block);
    const last = layers.at(-1);
    if (blockKind(block) === 'mha') layers.push({ mha: layer, mlp: null });
    else if (last?.mlp === null) layers.splice(-1, 1, { ...last, mlp: layer });
    else layers.push({ mha: null, mlp: layer });
  }
  return layers;
}
