import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ggufBytes,
  TINY_METADATA,
  tinyGgufTensors,
  type GgufTensorBytes,
  type GgufValue,
} from '../test/gguf-bytes.ts';
import { temporaryFolder, tinyTensors } from '../test/tiny-model.ts';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import { decodedFolder, requireFreeSpace } from './decoded-cache.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { readTokenizerFiles } from './tokenizer-files.ts';
import { blockTensors } from './tensor-layout.ts';

const root = temporaryFolder();
let count = 0;

function newCache(): string {
  return join(root, `cache-${count++}`, 'deep');
}

function writeGguf(
  metadata: Record<string, GgufValue | undefined> = {},
  tensors: GgufTensorBytes[] = tinyGgufTensors(),
): string {
  const path = join(root, `model-${count++}.gguf`);
  const given = Object.entries({ ...TINY_METADATA, ...metadata }).filter(
    (entry): entry is [string, GgufValue] => !!entry[1],
  );
  writeFileSync(path, ggufBytes(Object.fromEntries(given), tensors));
  return path;
}

const open = (path: string, cacheFolder = newCache()) => openCheckpoint(path, { cacheFolder });

function bytesOf({ file, lengthBytes, offsetBytes }: TensorLocation): Uint8Array {
  return new Uint8Array(readFileSync(file).subarray(offsetBytes, offsetBytes + lengthBytes));
}

function allTensors({ embedding, finalNorm, layers }: Checkpoint): TensorLocation[] {
  const blocks = layers.flatMap(({ mha, mlp }) => [...blockTensors(mha), ...blockTensors(mlp)]);
  return [embedding, ...blocks, finalNorm];
}

const json = (checkpoint: Checkpoint, name: string) =>
  JSON.parse(readFileSync(join(checkpoint.folder, name), 'utf8')) as Record<string, unknown>;

describe('a GGUF', () => {
  it('decodes to the weights it was made from, with the rows of q and k back in order', async () => {
    const path = writeGguf();
    const checkpoint = await open(path);
    expect(checkpoint).toMatchObject({
      ...{ sourcePath: path, format: 'gguf', modelType: 'llama', normEpsilon: 1e-5, tiedHead: true },
      ...{ maxPositionTokens: 128, slidingWindowTokens: null },
      rope: { theta: 100000, scaling: { kind: 'none' } },
      shape: { layerCount: 2, hiddenSize: 32, headCount: 2, kvHeadCount: 1, headSize: 16, vocabSize: 24 },
    });
    const decoded = allTensors(checkpoint).map((tensor) => [tensor.name, bytesOf(tensor)]);
    expect(decoded).toEqual(tinyTensors().map(({ name, data }) => [name, data]));
  });

  it('has an untied head when it holds output.weight', async () => {
    const head = { name: 'output.weight', type: 0, dimensions: [32, 24], data: new Uint8Array(24 * 32 * 4) };
    const checkpoint = await open(writeGguf({}, [...tinyGgufTensors(), head]));
    expect([checkpoint.tiedHead, checkpoint.head.name]).toEqual([false, 'lm_head.weight']);
  });

  it('scales its rope linearly when it says so', async () => {
    const { rope } = await open(
      writeGguf({ 'llama.rope.scaling.type': { string: 'linear' }, 'llama.rope.scaling.factor': { f32: 4 } }),
    );
    expect(rope.scaling).toEqual({ kind: 'linear', factor: 4 });
  });

  it('reports progress up to the size of the decoded weights', async () => {
    const seen: [number, number, string][] = [];
    const path = writeGguf();
    const { embedding } = await openCheckpoint(path, {
      cacheFolder: newCache(),
      onProgress: (...progress) => seen.push(progress),
    });
    const size = statSync(embedding.file).size;
    expect(seen.at(-1)).toEqual([size, size, expect.stringMatching(/^decoding model-\d+\.gguf$/)]);
  });

  it.each<[string, Record<string, GgufValue | undefined>, string, string]>([
    [
      'another architecture',
      { 'general.architecture': { string: 'gemma3' } },
      'unsupported',
      'general.architecture "gemma3" is not supported in a GGUF: supported are llama, deci, qwen2',
    ],
    [
      'an adapter',
      { 'general.type': { string: 'adapter' } },
      'unsupported',
      'general.type is "adapter": only a whole "model" can be opened',
    ],
    [
      'an encoder',
      { 'llama.attention.causal': { bool: false } },
      'unsupported',
      'llama.attention.causal is false',
    ],
    [
      'another scale of attention',
      { 'llama.attention.scale': { f32: 0.5 } },
      'unsupported',
      'llama.attention.scale is 0.5: only 0',
    ],
    [
      'no architecture',
      { 'general.architecture': undefined },
      'malformed',
      'general.architecture is missing',
    ],
    ['no block count', { 'llama.block_count': undefined }, 'malformed', 'llama.block_count is missing'],
    [
      'billions of blocks',
      { 'llama.block_count': { u32: 4e9 } },
      'malformed',
      'llama.block_count is 4000000000: expected an integer from 1 to 1024',
    ],
    [
      'fewer blocks than tensors',
      { 'llama.block_count': { u32: 1 } },
      'unsupported',
      'tensor blk.1.attn_norm.weight has no place',
    ],
    [
      'more blocks than tensors',
      { 'llama.block_count': { u32: 3 } },
      'missing-tensor',
      'tensor blk.2.attn_norm.weight is missing',
    ],
    [
      'heads listed by layer',
      { 'llama.attention.head_count': { i32s: [2, 2] } },
      'malformed',
      'head_count is a list',
    ],
    [
      'another width',
      { 'llama.feed_forward_length': { u32: 65 } },
      'wrong-shape',
      'blk.0.ffn_gate.weight has shape [64, 32], its metadata says [65, 32]',
    ],
    [
      'experts',
      { 'llama.expert_count': { u32: 8 } },
      'unsupported',
      'llama.expert_count is 8: only 0 is supported',
    ],
    [
      'partial rope',
      { 'llama.rope.dimension_count': { u32: 8 } },
      'unsupported',
      'llama.rope.dimension_count is 8: only 16',
    ],
    ['yarn', { 'llama.rope.scaling.type': { string: 'yarn' } }, 'unsupported', '"yarn" is not supported'],
    [
      'a NaN epsilon',
      { 'llama.attention.layer_norm_rms_epsilon': { f32: NaN } },
      'malformed',
      'epsilon is NaN',
    ],
    [
      'too few tokens',
      { 'tokenizer.ggml.tokens': { strings: ['a'] } },
      'malformed',
      'one entry for each of the 24 rows',
    ],
    [
      'equal tokens',
      { 'tokenizer.ggml.tokens': { strings: Array<string>(24).fill('a') } },
      'malformed',
      'tokens 0 and 1 are the same',
    ],
    [
      'a merge of three',
      { 'tokenizer.ggml.merges': { strings: ['a b c'] } },
      'malformed',
      'merges 0 is not two tokens: "a b c"',
    ],
    [
      'a token id outside the vocabulary',
      { 'tokenizer.ggml.bos_token_id': { u32: 24 } },
      'malformed',
      'bos_token_id is 24: expected an integer from 0 to 23',
    ],
  ])('with %s is refused', async (_, metadata, code, message) => {
    await expect(open(writeGguf(metadata))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('the tokenizer of a GGUF', () => {
  it('is byte-level BPE that splits digits', async () => {
    const checkpoint = await open(writeGguf());
    const tokenizer = json(checkpoint, 'tokenizer.json');
    expect(tokenizer).toMatchObject({
      normalizer: null,
      post_processor: null,
      pre_tokenizer: {
        pretokenizers: [
          { type: 'Digits', individual_digits: true },
          { type: 'ByteLevel', add_prefix_space: false },
        ],
      },
      model: {
        type: 'BPE',
        merges: [
          ['a', 'b'],
          ['c', 'd'],
        ],
        vocab: { '<|0|>': 0, a: 3, u: 23 },
      },
    });
    expect((tokenizer.added_tokens as { id: number }[]).map(({ id }) => id)).toEqual([0, 1, 2]);
    expect(json(checkpoint, 'tokenizer_config.json')).toMatchObject({
      bos_token: '<|1|>',
      eos_token: '<|2|>',
      model_max_length: 128,
    });
  });

  it('prepends the first token when the GGUF says so', async () => {
    const path = writeGguf({ 'tokenizer.ggml.add_bos_token': { bool: true } });
    expect(json(await open(path), 'tokenizer.json').post_processor).toMatchObject({
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<|1|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      special_tokens: { '<|1|>': { id: '<|1|>', ids: [1], tokens: ['<|1|>'] } },
    });
  });

  it.each<[string, Record<string, GgufValue | undefined>]>([
    ['model "gpt2", pre-tokenizer "unheard-of"', { 'tokenizer.ggml.pre': { string: 'unheard-of' } }],
    [
      'model "bert", pre-tokenizer "none"',
      { 'tokenizer.ggml.model': { string: 'bert' }, 'tokenizer.ggml.pre': undefined },
    ],
  ])('with %s is left out, and why is said', async (found, metadata) => {
    const checkpoint = await open(writeGguf(metadata));
    const { absence } = await readTokenizerFiles(checkpoint.sourcePath);
    expect(absence?.reason).toContain(`(${found}) cannot be converted`);
    expect(readdirSync(checkpoint.folder).sort()).toEqual(['config.json', 'model.safetensors']);
  });
});

describe('the cache', () => {
  it('keeps an entry that is complete, for a copy of the file too', async () => {
    const cache = newCache();
    const first = await open(writeGguf(), cache);
    const { ino } = statSync(first.embedding.file);
    const second = await open(writeGguf(), cache);
    expect(statSync(second.embedding.file).ino).toBe(ino);
    expect({ ...second, sourcePath: first.sourcePath }).toEqual(first);
    expect(first.folder).toBe(decodedFolder(cache, first.fingerprint));
  });

  it('replaces an entry that is damaged', async () => {
    const cache = newCache();
    const path = writeGguf();
    const { folder, embedding } = await open(path, cache);
    truncateSync(embedding.file, 100);
    const again = await open(path, cache);
    expect(bytesOf(again.embedding)).toEqual(tinyTensors()[0].data);
    expect(readdirSync(cache)).toEqual([folder.split('/').at(-1)]);
  });

  it('lets several replace one damaged entry at once', async () => {
    const cache = newCache();
    const path = writeGguf();
    truncateSync((await open(path, cache)).embedding.file, 100);
    const all = await Promise.all(Array.from({ length: 6 }, () => open(path, cache)));
    expect(readdirSync(cache).length).toBe(1);
    expect(bytesOf(all[0].embedding)).toEqual(tinyTensors()[0].data);
  });

  it('gives other models other entries', async () => {
    const cache = newCache();
    await open(writeGguf(), cache);
    await open(writeGguf({ 'llama.rope.freq_base': { f32: 5000 } }), cache);
    expect(readdirSync(cache).length).toBe(2);
  });

  it('lets several decode one file at once, and leaves one entry', async () => {
    const cache = newCache();
    const path = writeGguf();
    const all = await Promise.all(Array.from({ length: 6 }, () => open(path, cache)));
    expect(new Set(all.map(({ folder }) => folder)).size).toBe(1);
    expect(readdirSync(cache).length).toBe(1);
    expect(bytesOf(all[0].embedding)).toEqual(tinyTensors()[0].data);
  });

  it('removes what a decoder left behind a day ago, and nothing else', async () => {
    const cache = newCache();
    const names = [
      'decoded-0123456789abcdef.incomplete-old',
      'decoded-0123456789abcdef.incomplete-new',
      'other.incomplete-old',
    ];
    for (const name of names) mkdirSync(join(cache, name), { recursive: true });
    const longAgo = Date.now() / 1000 - 25 * 3600;
    for (const name of [names[0], names[2]]) utimesSync(join(cache, name), longAgo, longAgo);
    await open(writeGguf(), cache);
    expect(names.map((name) => existsSync(join(cache, name)))).toEqual([false, true, true]);
  });

  it('leaves nothing behind when decoding fails midway', async () => {
    const cache = newCache();
    const stop = new Error('stopped');
    const onProgress = () => {
      throw stop;
    };
    await expect(openCheckpoint(writeGguf(), { cacheFolder: cache, onProgress })).rejects.toBe(stop);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('names the bytes needed, the bytes free and the way out when the disk is too small', async () => {
    await expect(requireFreeSpace(root, 2 ** 62)).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(
        /needs 4611686018427388000 bytes, \d+ are free: choose .* --cache-dir$/,
      ) as string,
    });
  });

  it('cannot be a file', async () => {
    const path = writeGguf();
    await expect(open(path, join(path, 'cache'))).rejects.toMatchObject({ name: 'CheckpointError' });
  });
});
