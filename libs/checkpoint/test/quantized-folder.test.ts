import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNonFinite, openCheckpoint, type Checkpoint, type TensorLocation } from '../src/index.ts';
import type { RawTensor } from './raw-safetensors.ts';
import { temporaryFolder, TINY_CONFIG } from './tiny-model.ts';
import { tinyAwq, tinyFp8, tinyGptq, writeQuantized, type TinyQuantized } from './tiny-quantized.ts';
import { blockTensors } from '../src/tensor-layout.ts';

const root = temporaryFolder();
let count = 0;

/** A new folder with a cache of its own. */
function newFolder(): { folder: string; cacheFolder: string } {
  const folder = join(root, `model-${count++}`);
  mkdirSync(folder);
  return { folder, cacheFolder: `${folder}-cache` };
}

function valuesOf({ file, lengthBytes, offsetBytes }: TensorLocation): Float32Array {
  const bytes = new Uint8Array(readFileSync(file).subarray(offsetBytes, offsetBytes + lengthBytes));
  return new Float32Array(bytes.buffer);
}

function allTensors({ embedding, finalNorm, head, layers }: Checkpoint): TensorLocation[] {
  const blocks = layers.flatMap(({ mha, mlp }) => [...blockTensors(mha), ...blockTensors(mlp)]);
  return [embedding, ...blocks, finalNorm, ...(head === embedding ? [] : [head])];
}

/** What is in the cache folder, if it is there. */
const cached = (cacheFolder: string) => (existsSync(cacheFolder) ? readdirSync(cacheFolder) : []);

const KINDS: [string, TinyQuantized][] = [
  ['GPTQ', tinyGptq()],
  ['GPTQ whose groups are in the order of activations', tinyGptq({}, true)],
  ['AWQ with a quantized head', tinyAwq()],
  ['FP8 in blocks', tinyFp8('blocks')],
  ['compressed-tensors in FP8', tinyFp8('rows')],
];

describe('a quantized folder', () => {
  it.each(KINDS)('of %s decodes to the very values that it stands for', async (_, tiny) => {
    const { folder, cacheFolder } = newFolder();
    const checkpoint = await openCheckpoint(writeQuantized(folder, tiny), { cacheFolder });
    expect(checkpoint).toMatchObject({ format: 'huggingface', sourcePath: folder, modelType: 'llama' });
    expect(dirname(checkpoint.folder)).toBe(cacheFolder);
    const tensors = allTensors(checkpoint);
    expect(tensors.map(({ name }) => name).sort()).toEqual([...tiny.expected.keys()].sort());
    for (const tensor of tensors) expect(valuesOf(tensor)).toEqual(tiny.expected.get(tensor.name));
    expect(await findNonFinite(checkpoint)).toBeNull();
  });

  it('decodes once, and says how far it is', async () => {
    const { folder, cacheFolder } = newFolder();
    writeQuantized(folder, tinyGptq());
    const progress: [number, number, string][] = [];
    const options = { cacheFolder, onProgress: (...args: [number, number, string]) => progress.push(args) };
    const first = await openCheckpoint(folder, options);
    const [done, total, what] = progress.at(-1)!;
    expect([done, what]).toEqual([total, `decoding ${basename(folder)}`]);
    progress.length = 0;
    const second = await openCheckpoint(folder, options);
    expect(progress).toEqual([]);
    expect(second).toEqual(first);
    expect(cached(cacheFolder)).toHaveLength(1);
  });

  it('keeps its config but for the quantization, and its tokenizer and template', async () => {
    const { folder, cacheFolder } = newFolder();
    writeQuantized(folder, tinyAwq(), { torch_dtype: 'float16', auto_map: { AutoModel: 'code.Model' } });
    const texts = {
      'tokenizer.json': '{"version":"1.0"}',
      'tokenizer_config.json': '{"a":1}',
      'special_tokens_map.json': '{}',
      'chat_template.jinja': '{{ messages }}',
    };
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
    const { folder: decoded } = await openCheckpoint(folder, { cacheFolder });
    for (const [name, text] of Object.entries(texts)) {
      expect(readFileSync(join(decoded, name), 'utf8')).toBe(text);
    }
    expect(JSON.parse(readFileSync(join(decoded, 'config.json'), 'utf8'))).toEqual({
      ...TINY_CONFIG,
      tie_word_embeddings: false,
      torch_dtype: 'float32',
      auto_map: { AutoModel: 'code.Model' },
    });
  });

  it('with another tokenizer is another entry of the cache, and the same model', async () => {
    const { folder, cacheFolder } = newFolder();
    writeQuantized(folder, tinyFp8('blocks'));
    writeFileSync(join(folder, 'tokenizer.json'), '{"a":1}');
    const before = await openCheckpoint(folder, { cacheFolder });
    writeFileSync(join(folder, 'tokenizer.json'), '{"a":2}');
    const after = await openCheckpoint(folder, { cacheFolder });
    expect(after.fingerprint).toBe(before.fingerprint);
    expect(readFileSync(join(after.folder, 'tokenizer.json'), 'utf8')).toBe('{"a":2}');
    expect(readFileSync(join(before.folder, 'tokenizer.json'), 'utf8')).toBe('{"a":1}');
  });

  it('whose quantization is in quantize_config.json is read by it', async () => {
    const { folder, cacheFolder } = newFolder();
    const tiny = tinyGptq();
    writeQuantized(folder, tiny, { quantization_config: undefined });
    await expect(openCheckpoint(folder, { cacheFolder })).rejects.toThrow(
      `${folder}: its weights are packed, but neither quantization_config in config.json nor quantize_config.json says how`,
    );
    const file = join(folder, 'quantize_config.json');
    writeFileSync(file, '{"bits":4,"group_size":16,"desc_act":false,"sym":true}');
    const checkpoint = await openCheckpoint(folder, { cacheFolder });
    for (const tensor of allTensors(checkpoint)) {
      expect(valuesOf(tensor)).toEqual(tiny.expected.get(tensor.name));
    }
    writeFileSync(file, '{"bits":4,"group_size":16,"checkpoint_format":"gptq_v2"}');
    expect((await openCheckpoint(folder, { cacheFolder })).fingerprint).not.toBe(checkpoint.fingerprint);
  });

  it('with a NaN in e4m3 opens, and the weight is found', async () => {
    const { folder, cacheFolder } = newFolder();
    const tiny = tinyFp8('blocks');
    tiny.tensors.find(({ name }) => name.endsWith('layers.1.mlp.up_proj.weight'))!.data[70] = 0x7f;
    const checkpoint = await openCheckpoint(writeQuantized(folder, tiny), { cacheFolder });
    expect(await findNonFinite(checkpoint)).toEqual({
      tensor: 'model.layers.1.mlp.up_proj.weight',
      block: 'mlp.1',
      element: 70,
      value: 'NaN',
    });
  });
});

type Change = (tensors: RawTensor[]) => RawTensor[];
const Q = 'model.layers.0.self_attn.q_proj';
const without =
  (name: string): Change =>
  (tensors) =>
    tensors.filter((tensor) => tensor.name !== name);
const replaced =
  (name: string, fields: Partial<RawTensor>): Change =>
  (tensors) =>
    tensors.map((tensor) => (tensor.name === name ? { ...tensor, ...fields } : tensor));

describe('a quantized folder is refused, and leaves nothing in the cache,', () => {
  it.each<[string, TinyQuantized, Change, string]>([
    ['without qzeros', tinyGptq(), without(`${Q}.qzeros`), `tensor ${Q}.qzeros is missing`],
    ['without scales', tinyAwq(), without(`${Q}.scales`), `tensor ${Q}.scales is missing`],
    ['without a scale', tinyFp8('blocks'), without(`${Q}.weight_scale_inv`), 'is missing'],
    ['without a weight at all', tinyGptq(), without(`${Q}.qweight`), `tensor ${Q}.weight is missing`],
    [
      'with qweight in bytes',
      tinyGptq(),
      replaced(`${Q}.qweight`, { dtype: 'U8', shape: [16, 32], data: new Uint8Array(512) }),
      `${Q}.qweight has dtype U8: supported are I32`,
    ],
    [
      'with a group index that is too long',
      tinyGptq(),
      replaced(`${Q}.g_idx`, { shape: [33], data: new Uint8Array(132) }),
      `${Q}.g_idx has shape [33]`,
    ],
    [
      'with a group that does not exist, which shows while it is decoded',
      tinyGptq(),
      replaced('model.layers.1.mlp.down_proj.g_idx', { data: new Uint8Array(256).fill(9) }),
      'expected 0 to 3',
    ],
    [
      'with a negative group',
      tinyGptq(),
      replaced(`${Q}.g_idx`, { data: new Uint8Array(128).fill(255) }),
      'g_idx 0 is -1: expected 0 to 1',
    ],
    ['of other groups', tinyGptq({ group_size: 32 }), (t) => t, 'gptq in groups of 32 says [1, 4]'],
    ['whose groups do not divide', tinyGptq({ group_size: 24 }), (t) => t, 'in groups of 24'],
    ['of groups of nothing', tinyGptq({ group_size: 0 }), (t) => t, 'group_size is 0'],
    ['of 8 bits', tinyGptq({ bits: 8 }), (t) => t, 'bits 8: supported are'],
    [
      'with a bias that is not zero',
      tinyGptq(),
      replaced(`${Q}.bias`, { data: new Uint8Array(64).fill(1) }),
      `says that there is no ${Q}.bias, but the weights hold one`,
    ],
    [
      'with a packed head that is said to be the embedding',
      tinyGptq(),
      (tensors) => [
        ...tensors,
        { name: 'lm_head.qweight', dtype: 'I32', shape: [4, 24], data: new Uint8Array(384) },
      ],
      'the weights hold lm_head.qweight: set it to false',
    ],
    [
      'with a packed embedding',
      tinyGptq(),
      (tensors) => [
        ...tensors,
        { name: 'model.embed_tokens.qweight', dtype: 'I32', shape: [3, 32], data: new Uint8Array(384) },
      ],
      'model.embed_tokens.weight is there twice',
    ],
  ])('%s', async (_, tiny, change, message) => {
    const { folder, cacheFolder } = newFolder();
    const changed = { ...tiny, tensors: change(tiny.tensors) };
    writeQuantized(folder, changed, { tie_word_embeddings: changed.config.quant_method !== 'awq' });
    const failure: unknown = await openCheckpoint(folder, { cacheFolder }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      name: 'CheckpointError',
      message: expect.stringContaining(message) as string,
    });
    expect(cached(cacheFolder)).toEqual([]);
  });
});
