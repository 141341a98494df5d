import { blockIndex, type BlockIndex, type Mask } from '@blockpruner/blocks';
import { CheckpointError } from './checkpoint-error.ts';
import { integerField, integerListField, type Fields } from './field.ts';
import { decodeTensor } from './gguf-decode.ts';
import type { GgufModel } from './gguf-split.ts';
import { LIMITS } from './limits.ts';
import { SameSize } from './same-size.ts';

/** The sizes of a model's blocks, and which of them its layers lack. */
export interface GgufLayers {
  readonly layerCount: number;
  readonly absentBlocks: Mask;
  /** Of the blocks that are there, as the two below; where there are none, of what stands in for them. */
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly intermediateSize: number;
  /** Rows of a head where the file does not say; null where it must. */
  readonly defaultHeadSize: number | null;
  /** Names of the tensors that stand in for absent blocks: their output is zero. */
  readonly standIns: ReadonlySet<string>;
}

const MHA_TENSORS = /^blk\.(\d+)\.attn_(norm|q|k|v|output)\.(weight|bias)$/;
const MLP_TENSORS = /^blk\.(\d+)\.ffn_(norm|gate|up|down)\.(weight|bias)$/;

/** A key that holds one number for all layers, or a list with one for each. */
function countsByLayer(
  metadata: Fields,
  key: string,
  layerCount: number,
  max: number,
  fallback?: readonly number[],
): readonly number[] {
  const range = { min: 0, max };
  if (Array.isArray(metadata.values[key])) return integerListField(metadata, key, layerCount, range)!;
  const all = integerField(metadata, key, range, fallback && null);
  return all === null ? fallback! : Array.from({ length: layerCount }, () => all);
}

/** Whether a projection gives zeros whatever its input: then it stands in for an absent block. */
async function givesZeros({ tensors }: GgufModel, name: string): Promise<boolean> {
  const [weight, bias] = [tensors.get(`${name}.weight`), tensors.get(`${name}.bias`)];
  if (weight === undefined) return false;
  for (const tensor of bias ? [weight, bias] : [weight]) {
    // A projection that is there shows it in its first chunk.
    for await (const values of decodeTensor(tensor, 0)) if (values.some((value) => value !== 0)) return false;
  }
  return true;
}

/**
 * Reads the sizes of a model whose layers are all alike.
 * @throws CheckpointError on a size that is missing or out of bounds
 */
export function readEqualLayers({ first }: GgufModel, architecture: string): GgufLayers {
  const metadata: Fields = { file: first.file, values: first.metadata };
  const key = (suffix: string) => `${architecture}.${suffix}`;
  const headCount = integerField(metadata, key('attention.head_count'), LIMITS.heads);
  return {
    layerCount: integerField(metadata, key('block_count'), LIMITS.layers),
    absentBlocks: [],
    headCount,
    kvHeadCount: integerField(metadata, key('attention.head_count_kv'), LIMITS.heads, headCount),
    intermediateSize: integerField(metadata, key('feed_forward_length'), LIMITS.intermediateSize),
    defaultHeadSize: integerField(metadata, key('embedding_length'), LIMITS.hiddenSize) / headCount,
    standIns: new Set(),
  };
}

/**
 * Reads which blocks the layers of a deci model have. A block is absent where its count is 0, and where its last
 * projection is zero: llama.cpp reads no layer that has attention alone, and no first layer without, so that blocks of
 * zeros stand in for what they lack.
 * @throws CheckpointError on blocks of different sizes, and on a layer that llama.cpp does not run as the file says
 */
export async function readUnequalLayers(gguf: GgufModel, architecture: string): Promise<GgufLayers> {
  const { file } = gguf.first;
  const metadata: Fields = { file, values: gguf.first.metadata };
  const key = (suffix: string) => `${architecture}.${suffix}`;
  const layerCount = integerField(metadata, key('block_count'), LIMITS.layers);
  const list = (suffix: string, max: number, fallback?: readonly number[]) =>
    countsByLayer(metadata, key(suffix), layerCount, max, fallback);
  const heads = list('attention.head_count', LIMITS.heads.max);
  const kvHeads = list('attention.head_count_kv', LIMITS.heads.max, heads);
  const widths = list('feed_forward_length', LIMITS.intermediateSize.max);

  const sizes = {
    heads: new SameSize(file, key('attention.head_count')),
    kvHeads: new SameSize(file, key('attention.head_count_kv')),
    width: new SameSize(file, key('feed_forward_length')),
  };
  const absentBlocks: BlockIndex[] = [];
  for (let layer = 0; layer < layerCount; layer++) {
    refuseLinearAttention(file, layer, heads[layer], kvHeads[layer]);
    const hasMha = heads[layer] > 0 && !(await givesZeros(gguf, `blk.${layer}.attn_output`));
    const hasMlp = widths[layer] > 0 && !(await givesZeros(gguf, `blk.${layer}.ffn_down`));
    if (hasMha && widths[layer] === 0) {
      throw new CheckpointError(
        'unsupported',
        `${file}: layer ${layer} has attention and ${key('feed_forward_length')} 0, with which llama.cpp silently ` +
          `leaves that attention out: make the file with a feed-forward block of zeros there`,
      );
    }
    if (hasMha) {
      sizes.heads.add(`layer ${layer}`, heads[layer]);
      sizes.kvHeads.add(`layer ${layer}`, kvHeads[layer]);
    } else absentBlocks.push(blockIndex('mha', layer));
    if (hasMlp) sizes.width.add(`layer ${layer}`, widths[layer]);
    else absentBlocks.push(blockIndex('mlp', layer));
  }
  const hiddenSize = integerField(metadata, key('embedding_length'), LIMITS.hiddenSize);
  const firstOf = (counts: readonly number[], none: number) => counts.find((count) => count > 0) ?? none;
  return {
    layerCount,
    absentBlocks,
    headCount: sizes.heads.value ?? firstOf(heads, 1),
    kvHeadCount: sizes.kvHeads.value ?? firstOf(kvHeads, 1),
    intermediateSize: sizes.width.value ?? firstOf(widths, hiddenSize),
    // llama.cpp divides by the heads of the first layer.
    defaultHeadSize: heads[0] > 0 ? hiddenSize / heads[0] : null,
    standIns: new Set([...gguf.tensors.keys()].filter((name) => isOfAbsent(name, absentBlocks))),
  };
}

function refuseLinearAttention(file: string, layer: number, heads: number, kvHeads: number): void {
  if (heads === 0 || kvHeads > 0) return;
  throw new CheckpointError(
    'unsupported',
    `${file}: layer ${layer} has ${heads} heads and none of keys and values, which makes it linear attention: ` +
      `only blocks that are there or absent are supported`,
  );
}

function isOfAbsent(name: string, absentBlocks: Mask): boolean {
  const layerOf = (pattern: RegExp) => Number(pattern.exec(name)?.[1] ?? NaN);
  const [mha, mlp] = [layerOf(MHA_TENSORS), layerOf(MLP_TENSORS)];
  return absentBlocks.includes(blockIndex('mha', mha)) || absentBlocks.includes(blockIndex('mlp', mlp));
}
