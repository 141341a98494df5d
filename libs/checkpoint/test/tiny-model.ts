import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { encodeFloats, writeSafetensors, type Dtype, type TensorBytes } from '../src/index.ts';

/** A temporary folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** 2 layers, hidden 32, 2 heads of 16 with 1 key-value head, feed-forward 64, 24 tokens, tied. */
export const TINY_CONFIG = {
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 32,
  intermediate_size: 64,
  max_position_embeddings: 128,
  num_attention_heads: 2,
  num_hidden_layers: 2,
  num_key_value_heads: 1,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  vocab_size: 24,
};

/** Names and shapes of the tiny model's tensors, in the naming of Hugging Face. */
export const TINY_SHAPES: [string, number[]][] = [
  ['model.embed_tokens.weight', [24, 32]],
  ...[0, 1].flatMap((layer): [string, number[]][] => [
    [`model.layers.${layer}.input_layernorm.weight`, [32]],
    [`model.layers.${layer}.self_attn.q_proj.weight`, [32, 32]],
    [`model.layers.${layer}.self_attn.k_proj.weight`, [16, 32]],
    [`model.layers.${layer}.self_attn.v_proj.weight`, [16, 32]],
    [`model.layers.${layer}.self_attn.o_proj.weight`, [32, 32]],
    [`model.layers.${layer}.post_attention_layernorm.weight`, [32]],
    [`model.layers.${layer}.mlp.gate_proj.weight`, [64, 32]],
    [`model.layers.${layer}.mlp.up_proj.weight`, [64, 32]],
    [`model.layers.${layer}.mlp.down_proj.weight`, [32, 64]],
  ]),
  ['model.norm.weight', [32]],
];

/** Values that differ between elements and between tensors, exact in every dtype but bfloat16. */
export function tinyValues(shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, i) => ((i * 37 + seed * 101) % 509) / 256 - 1);
}

export function tinyTensors(dtype: Dtype = 'float32', shapes = TINY_SHAPES): TensorBytes[] {
  return shapes.map(([name, shape], seed) => ({
    name,
    dtype,
    shape,
    data: encodeFloats(dtype, tinyValues(shape, seed)),
  }));
}

/** Writes a Hugging Face folder; fields of the config that are undefined are left out. */
export async function writeTinyFolder(
  folder: string,
  config: Record<string, unknown> = {},
  tensors: TensorBytes[] = tinyTensors(),
): Promise<string> {
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...TINY_CONFIG, ...config }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}
