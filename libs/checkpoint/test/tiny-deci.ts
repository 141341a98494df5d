import { tinyGgufTensors, tinyMetadataOf, type GgufTensorBytes, type GgufValue } from './gguf-bytes.ts';
import { TINY_SHAPES } from './tiny-model.ts';

/** Metadata of a model of four layers, but for the sizes of each. */
export const DECI: Record<string, GgufValue> = {
  ...tinyMetadataOf('deci'),
  'deci.attention.key_length': { u32: 16 },
  'deci.block_count': { u32: 4 },
};

/** The sizes of each layer. */
export function deciCounts(heads: number[], kvHeads: number[], widths: number[]): Record<string, GgufValue> {
  return {
    'deci.attention.head_count': { i32s: heads },
    'deci.attention.head_count_kv': { i32s: kvHeads },
    'deci.feed_forward_length': { i32s: widths },
  };
}

/** Feed-forward alone, both blocks, feed-forward alone, attention alone. */
const MISSING = ['0.self_attn', '0.input_l', '2.self_attn', '2.input_l', '3.mlp', '3.post_attention_l'];
const SHAPES: [string, number[]][] = [0, 1, 2, 3]
  .flatMap((layer): [string, number[]][] =>
    TINY_SHAPES.filter(([name]) => name.startsWith('model.layers.0.')).map(([name, shape]) => [
      name.replace('.0.', `.${layer}.`),
      shape,
    ]),
  )
  .filter(([name]) => !MISSING.some((missing) => name.startsWith(`model.layers.${missing}`)));
/** Names and shapes of its tensors, in the naming of Hugging Face. */
export const DECI_SHAPES = [TINY_SHAPES[0], ...SHAPES, TINY_SHAPES.at(-1)!];

export function zeros(name: string, ...dimensions: number[]): GgufTensorBytes {
  const elements = dimensions.reduce((product, size) => product * size, 1);
  return { name, type: 0, dimensions, data: new Uint8Array(4 * elements) };
}

/** One head in the first layer, and 8 rows of feed-forward in the last. */
const STAND_INS = [
  ...[zeros('blk.0.attn_norm.weight', 32), zeros('blk.0.attn_q.weight', 32, 16)],
  ...[zeros('blk.0.attn_k.weight', 32, 16), zeros('blk.0.attn_v.weight', 32, 16)],
  ...[zeros('blk.0.attn_output.weight', 16, 32), zeros('blk.3.ffn_norm.weight', 32)],
  ...[zeros('blk.3.ffn_gate.weight', 32, 8), zeros('blk.3.ffn_up.weight', 32, 8)],
  zeros('blk.3.ffn_down.weight', 8, 32),
];
export const STAND_IN_COUNTS = deciCounts([1, 2, 0, 2], [1, 1, 0, 1], [64, 64, 64, 8]);

/** Its tensors, and what stands in for blocks that it lacks. */
export const DECI_TENSORS: GgufTensorBytes[] = [...tinyGgufTensors(DECI_SHAPES), ...STAND_INS];
