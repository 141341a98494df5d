import {
  blockIndex,
  isAbsent,
  isRemoved,
  repack,
  type BlockIndex,
  type Healing,
  type Mask,
} from '@blockpruner/blocks';
import { repackCheckpoint, type Checkpoint, type TensorRole } from '@blockpruner/checkpoint';

/** What the weights that write to the residual stream are multiplied by when they are exported; 1 leaves them as they are. */
export interface WeightFactors {
  readonly embedding: number;
  /** Of the last projection of each block, by layer of the exported model. */
  readonly layers: readonly { readonly mha: number; readonly mlp: number }[];
  /** Undoes the embedding's factor where the head is the embedding. */
  readonly finalNorm: number;
}

/** A model that is exported. */
export interface PrunedModel {
  readonly source: Checkpoint;
  /** Blocks of the source that are gone. */
  readonly mask: Mask;
  /** The blocks that are left, regrouped into layers; a layer may lack one. Its tensors are those of the source. */
  readonly checkpoint: Checkpoint;
  readonly factors: WeightFactors;
}

/**
 * @param healing by what the residual stream is multiplied in the place of removed blocks; none leaves it as it is
 * @throws RangeError when the mask names blocks that are not there, or leaves none
 */
export function prunedModel(source: Checkpoint, mask: Mask, healing: Healing = new Map()): PrunedModel {
  const kept = [...healing.keys()].find((block) => !isRemoved(mask, block));
  if (kept !== undefined) throw new RangeError(`block index ${kept} has a factor and is not removed`);
  const embedding = streamFactor(healing, -1);
  return {
    source,
    mask,
    checkpoint: repackCheckpoint(source, mask),
    factors: {
      embedding,
      layers: repack(source.shape, mask).map(({ mha, mlp }) => ({
        mha: mha === null ? 1 : streamFactor(healing, blockIndex('mha', mha)),
        mlp: mlp === null ? 1 : streamFactor(healing, blockIndex('mlp', mlp)),
      })),
      finalNorm: source.tiedHead ? 1 / embedding : 1,
    },
  };
}

/** The factor of one tensor of the exported model, weights and biases alike. */
export function weightFactor({ embedding, layers, finalNorm }: WeightFactors, role: TensorRole): number {
  const { layer, module } = role;
  if (module === 'o') return layers[layer!].mha;
  if (module === 'down') return layers[layer!].mlp;
  if (module === 'embedding') return embedding;
  return module === 'finalNorm' ? finalNorm : 1;
}

/** Whether every layer has both blocks: then it is a plain model of its family with fewer layers. */
export function isPlain({ checkpoint }: Pick<PrunedModel, 'checkpoint'>): boolean {
  return checkpoint.layers.every(({ mha, mlp }) => mha !== null && mlp !== null);
}

/**
 * By what the output of a block is multiplied, so that the residual stream behind it is as if it had been multiplied by
 * the factor of each removed block at its place: blocks read the stream through their norms, which undo any factor.
 * @param writer the block; -1 for the embedding
 */
function streamFactor(healing: Healing, writer: BlockIndex): number {
  let product = 1;
  for (const [block, factor] of healing) if (block > writer) product *= factor;
  return product;
}

/** What to say where the first attention is gone, whatever the format; null where it is there. */
export function firstAttentionNote({ source, mask }: Pick<PrunedModel, 'source' | 'mask'>): string | null {
  const first = blockIndex('mha', 0);
  if (!isRemoved(mask, first) && !isAbsent(source.shape, first)) return null;
  return 'mha.0, the first attention, is gone: by their sources, vLLM and SGLang fail on a first layer without attention; for them search with --keep mha.0, or export --to hf --compat';
}
