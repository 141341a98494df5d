import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ggufBytes,
  llama3Divisors,
  MIXED_METADATA,
  mixedGgufTensors,
  TINY_METADATA,
  tinyGgufTensors,
  tinyMetadataOf,
  type GgufTensorBytes,
  type GgufValue,
} from '../test/gguf-bytes.ts';
import { TINY_SHAPES, temporaryFolder, tinyTensors } from '../test/tiny-model.ts';
import { GGUF_TENSOR_TYPES } from './gguf-blocks.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { readSafetensorsHeader } from './safetensors-header.ts';

const cacheFolder = temporaryFolder();
let count = 0;

function open(metadata: Record<string, GgufValue>, tensors: GgufTensorBytes[]) {
  const path = join(cacheFolder, `model-${count++}.gguf`);
  writeFileSync(path, ggufBytes(metadata, tensors));
  return openCheckpoint(path, { cacheFolder });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The hash of every decoded tensor, by name. */
async function decoded(file: string): Promise<Record<string, string>> {
  const { tensors } = await readSafetensorsHeader(file);
  const bytes = readFileSync(file);
  const entries = [...tensors].map(([name, { offsetBytes, lengthBytes }]): [string, string] => [
    name,
    sha256(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)),
  ]);
  return Object.fromEntries(entries);
}

/** The shapes of the tiny model with a bias behind each weight that matches. */
function biased(pattern: RegExp): [string, number[]][] {
  return TINY_SHAPES.flatMap(([name, shape]): [string, number[]][] => {
    const bias: [string, number[]] = [name.replace(/weight$/, 'bias'), [shape[0]]];
    return pattern.test(name) ? [[name, shape], bias] : [[name, shape]];
  });
}

const original = (shapes = TINY_SHAPES) =>
  Object.fromEntries(tinyTensors('float32', shapes).map(({ name, data }) => [name, sha256(data)]));

const divisors = (values: readonly number[]): GgufTensorBytes => ({
  name: 'rope_freqs.weight',
  type: 0,
  dimensions: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

describe('a GGUF decodes to exactly the values of', () => {
  it('a qwen2, whose rows are in order and whose q, k and v have biases', async () => {
    const shapes = biased(/self_attn\.[qkv]_proj/);
    const checkpoint = await open(tinyMetadataOf('qwen2'), tinyGgufTensors(shapes, false));
    expect(checkpoint).toMatchObject({
      ...{ modelType: 'qwen2', normEpsilon: 1e-5, maxPositionTokens: 128, slidingWindowTokens: null },
      rope: { theta: 100000, scaling: { kind: 'none' } },
    });
    expect(await decoded(checkpoint.embedding.file)).toEqual(original(shapes));
  });

  it.each([
    ['attention', /self_attn/, 'o_proj.bias'],
    ['mlp', /mlp/, 'down_proj.bias'],
    ['all', /proj/, 'up_proj.bias'],
  ])('a llama with biases: %s', async (_, pattern, last) => {
    const shapes = biased(pattern);
    expect(shapes.some(([name]) => name.endsWith(last))).toBe(true);
    const checkpoint = await open(TINY_METADATA, tinyGgufTensors(shapes));
    expect(await decoded(checkpoint.embedding.file)).toEqual(original(shapes));
  });

  it('a llama with llama3 rope scaling', async () => {
    const scaled = divisors(llama3Divisors(100000, 16, 8));
    const { rope, embedding } = await open(TINY_METADATA, [scaled, ...tinyGgufTensors()]);
    expect(rope.scaling).toEqual({
      kind: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxTokens: 8192,
    });
    expect(await decoded(embedding.file)).toEqual(original());
  });

  it('a model with a type of its own for each tensor', async () => {
    const tensors = mixedGgufTensors();
    const { embedding } = await open(MIXED_METADATA, tensors);
    const byName = await decoded(embedding.file);
    const pairs = [
      ['token_embd', 'model.embed_tokens'],
      ['blk.0.attn_norm', 'model.layers.0.input_layernorm'],
      ['blk.0.attn_v', 'model.layers.0.self_attn.v_proj'],
      ['blk.0.attn_output', 'model.layers.0.self_attn.o_proj'],
      ['blk.0.ffn_gate', 'model.layers.0.mlp.gate_proj'],
      ['blk.0.ffn_up', 'model.layers.0.mlp.up_proj'],
      ['blk.0.ffn_down', 'model.layers.0.mlp.down_proj'],
    ];
    for (const [ggufName, name] of pairs) {
      const tensor = tensors.find((candidate) => candidate.name === `${ggufName}.weight`)!;
      const type = GGUF_TENSOR_TYPES.get(tensor.type)!;
      const values = new Float32Array((tensor.data.length / type.bytes) * type.elements);
      type.decode(tensor.data, values);
      expect([name, byName[`${name}.weight`]]).toEqual([name, sha256(new Uint8Array(values.buffer))]);
    }
  });

  it('a llama whose q and k have several heads in a chunk, and rows of several chunks', async () => {
    const rows = 3 * 1024 * 16;
    const shapes = TINY_SHAPES.map(([name, shape]): [string, number[]] => {
      if (/0\.self_attn\.q_proj/.test(name)) return [name, [rows, 32]];
      return /0\.self_attn\.o_proj/.test(name) ? [name, [32, rows]] : [name, shape];
    }).filter(([name]) => !name.startsWith('model.layers.1.'));
    const metadata = {
      ...TINY_METADATA,
      'llama.block_count': { u32: 1 },
      'llama.attention.head_count': { u32: rows / 16 },
      'llama.attention.key_length': { u32: 16 },
    };
    const { embedding } = await open(metadata, tinyGgufTensors(shapes));
    expect(await decoded(embedding.file)).toEqual(original(shapes));
  }, 30_000);
});

describe('a GGUF is refused when it has', () => {
  const llama = tinyGgufTensors();
  const qwen2 = tinyGgufTensors(biased(/self_attn\.[qkv]_proj/), false);
  const zero = (name: string, ...dimensions: number[]): GgufTensorBytes => ({
    name,
    type: 0,
    dimensions,
    data: new Uint8Array(4 * dimensions.reduce((product, size) => product * size, 1)),
  });

  it.each<[string, string, GgufTensorBytes[], string]>([
    ['a bias of q only', 'llama', [...llama, zero('blk.0.attn_q.bias', 32)], 'blk.0.attn_k.bias is missing'],
    [
      'a bias of one layer only',
      'llama',
      [...tinyGgufTensors(biased(/0\.mlp/))],
      'blk.1.ffn_gate.bias is missing',
    ],
    [
      'a bias of o only',
      'llama',
      [...llama, zero('blk.0.attn_output.bias', 32)],
      'tensor blk.0.attn_output.bias has no place in a plain llama model',
    ],
    ['a qwen2 without biases', 'qwen2', tinyGgufTensors(TINY_SHAPES, false), 'attn_q.bias is missing'],
    [
      'a qwen2 with divisors',
      'qwen2',
      [...qwen2, divisors(Array<number>(8).fill(1))],
      'tensor rope_freqs.weight has no place in a plain qwen2 model',
    ],
    [
      'a bias of another length',
      'qwen2',
      qwen2.map((tensor) => (tensor.name === 'blk.0.attn_q.bias' ? zero(tensor.name, 31) : tensor)),
      'blk.0.attn_q.bias has shape [31], its metadata says [32]',
    ],
    [
      'a tensor without a place',
      'llama',
      [...llama, zero('blk.0.attn_q_norm.weight', 16)],
      'tensor blk.0.attn_q_norm.weight has no place',
    ],
    [
      'divisors in two dimensions',
      'llama',
      [...llama, zero('rope_freqs.weight', 4, 2)],
      'rope_freqs.weight has shape [2, 4]: expected at most 2048 values',
    ],
    [
      'more divisors than any head has pairs',
      'llama',
      [...llama, zero('rope_freqs.weight', 2049)],
      'rope_freqs.weight has shape [2049]: expected at most 2048 values',
    ],
    ['divisors of another scaling', 'llama', [...llama, zero('rope_freqs.weight', 8)], 'is not the llama3'],
  ])('%s', async (_, architecture, tensors, message) => {
    await expect(open(tinyMetadataOf(architecture), tensors)).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringContaining(message) as string,
    });
  });

  it('two scalings of its rope', async () => {
    const metadata = { ...TINY_METADATA, 'llama.rope.scaling.factor': { f32: 4 } };
    const tensors = [...llama, divisors(llama3Divisors(100000, 16, 8))];
    await expect(open(metadata, tensors)).rejects.toThrow('scales its rope by 4 in the metadata and by');
  });
});
