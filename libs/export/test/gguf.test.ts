import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { blockIndex, formatMask, parseMask, repack, type Healing, type Mask } from '@blockpruner/blocks';
import {
  decodeFloats,
  encodeFloats,
  openCheckpoint,
  readGgufModel,
  readRange,
  type Checkpoint,
  type TensorLocation,
} from '@blockpruner/checkpoint';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  temporaryFolder,
  TINY_MODELS,
  writeTinyModel,
  type TinyModelName,
} from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportIdentity, planGguf, prunedModel, writeExport, type GgufWeightType } from '../src/index.ts';
import { splitGguf } from '../../checkpoint/test/gguf-bytes.ts';
import { exportFolder, open, tensorPairs, valuesOf as floatsOf } from './opened-export.ts';

const NAMES = Object.keys(TINY_MODELS).filter((name) => name !== 'mistral-window') as TinyModelName[];

const folder = temporaryFolder();
const sourceOf = (name: TinyModelName): string => join(folder.path, name);
beforeAll(async () => {
  for (const name of Object.keys(TINY_MODELS) as TinyModelName[]) {
    await writeTinyModel(sourceOf(name), TINY_MODELS[name]);
  }
});
afterAll(() => folder.remove());

/** All values of a tensor that is small. */
const valuesOf = async (tensor: TensorLocation): Promise<number[]> => [...(await floatsOf(tensor))];

let count = 0;

/** Exports a model and opens what was written. */
async function exported(source: Checkpoint, mask: Mask, type: GgufWeightType, healing?: Healing) {
  const output = join(folder.path, `export-${count++}`);
  const model = prunedModel(source, mask, healing);
  const plan = await planGguf(model, { type, card: '# Card\n' });
  await writeExport(output, plan, { identity: exportIdentity(model, {}) });
  const [file] = readdirSync(output).filter((name) => name.endsWith('.gguf'));
  return {
    notes: plan.notes,
    file: join(output, file),
    written: await openCheckpoint(output, { cacheFolder: join(folder.path, 'cache') }),
  };
}

/** Masks that leave at least one block of the 8. */
const masks = fc.uniqueArray(fc.nat(7), { maxLength: 7 }).map((blocks): Mask => blocks.sort((a, b) => a - b));

function absentOf(source: Checkpoint, mask: Mask): Mask {
  return repack(source.shape, mask).flatMap(({ mha, mlp }, layer) => [
    ...(mha === null ? [blockIndex('mha', layer)] : []),
    ...(mlp === null ? [blockIndex('mlp', layer)] : []),
  ]);
}

const ofHalf = (values: readonly number[]) => [
  ...decodeFloats('float16', encodeFloats('float16', Float32Array.from(values))),
];

/** What is read back of a tensor with these values. */
function expectClose(read: number[], values: number[], type: GgufWeightType, shape: readonly number[]): void {
  if (shape.length === 1 || type === 'source' || type === 'f32') expect(read).toEqual(values);
  else if (type === 'f16' || shape[1] % 32 !== 0) expect(read).toEqual(ofHalf(values));
  else {
    for (let start = 0; start < values.length; start += 32) {
      const block = values.slice(start, start + 32);
      const step = Math.max(...block.map(Math.abs)) / 127;
      block.forEach((value, i) => {
        // Half a step, and what the scale loses as a float16.
        expect(Math.abs(read[start + i] - value)).toBeLessThanOrEqual(0.57 * step);
      });
    }
  }
}

describe('a GGUF of a pruned model', () => {
  it.each<GgufWeightType>(['source', 'f32', 'f16', 'q8_0'])(
    'in %s holds the live tensors of the source and lacks the others',
    async (type) => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...NAMES), masks, async (name, mask) => {
          const source = await open(sourceOf(name));
          const { written, notes } = await exported(source, mask, type);
          const absent = absentOf(source, mask);
          expect(formatMask(written.shape.absentBlocks ?? [])).toBe(formatMask(absent));
          expect(notes.some((note) => note.includes('architecture deci'))).toBe(absent.length > 0);
          for (const key of ['rope', 'normEpsilon', 'tiedHead', 'maxPositionTokens'] as const) {
            expect(written[key]).toEqual(source[key]);
          }
          for (const pair of tensorPairs(written, source, repack(source.shape, mask))) {
            const values = pair.source ? await valuesOf(pair.source) : pair.shape.flatMap((n) => zeros(n));
            expectClose(await valuesOf(pair.written), values, type, pair.shape);
          }
        }),
        { numRuns: 15 },
      );
    },
    60_000,
  );

  it('of which every layer has both blocks has the architecture of its family', async () => {
    const mistral = join(folder.path, 'mistral');
    await writeTinyModel(mistral, { ...TINY_MODELS['mistral-window'], slidingWindow: undefined });
    for (const [path, architecture] of [
      [sourceOf('llama-all-biases'), 'llama'],
      [sourceOf('qwen2-biases'), 'qwen2'],
      [mistral, 'llama'],
    ] as const) {
      const { file, notes } = await exported(await open(path), parseMask('mlp.1+mha.2', 4), 'source');
      const { metadata } = (await readGgufModel(file)).first;
      expect(metadata).toMatchObject({
        'general.architecture': architecture,
        'general.name': `${basename(path)}-pruned2`,
        [`${architecture}.block_count`]: 3,
      });
      expect(notes).toEqual([expect.stringContaining('no tokenizer.json') as string]);
    }
  });

  it('of a quantized qwen2 has its rows in the order of the architecture that it becomes', async () => {
    const quantized = await exported(await open(sourceOf('qwen2-biases')), [], 'q8_0');
    const source = quantized.written;
    expect((await readGgufModel(quantized.file)).tensors.get('blk.0.attn_q.weight')!.type.name).toBe('Q8_0');
    const mask = parseMask('mha.0+mlp.2', 4);
    const { file, written } = await exported(source, mask, 'source');
    const { first, tensors } = await readGgufModel(file);
    expect(first.metadata['general.architecture']).toBe('deci');
    expect(tensors.get('blk.1.attn_q.weight')!.type.name).toBe('Q8_0');
    for (const { role, source: from, written: to } of tensorPairs(
      written,
      source,
      repack(source.shape, mask),
    )) {
      const values = from ? await valuesOf(from) : zeros(to.shape[0]);
      expect([role, await valuesOf(to)]).toEqual([role, values]);
    }
  });

  it.each(['mha.0+mlp.2', 'mlp.1+mha.2'])(
    'is the same of a folder that was exported without %s',
    async (text) => {
      const mask = parseMask(text, 4);
      const source = await open(sourceOf('qwen2-biases'));
      const output = join(folder.path, `folder-${count++}`);
      await exportFolder(source, mask, output);
      const again = await exported(await open(output), [], 'f32');
      const atOnce = await exported(source, mask, 'f32');
      expect(again.written.shape.absentBlocks).toEqual(atOnce.written.shape.absentBlocks);
      expect(again.written.layers.length).toBe(atOnce.written.layers.length);
      const pairs = tensorPairs(again.written, atOnce.written, repack(atOnce.written.shape, []));
      for (const { role, source: other, written } of pairs) {
        // The folder's feed-forward blocks may be padded with zeros.
        const kept = (values: readonly number[]) => values.filter((value) => value !== 0);
        expect([role, kept(await valuesOf(written))]).toEqual([role, kept(await valuesOf(other!))]);
      }
    },
  );

  it('is one file where the source is in parts', async () => {
    const parts = splitGguf('split', 3);
    for (const { bytes, name } of parts) writeFileSync(join(folder.path, name), bytes);
    const path = join(folder.path, parts[1].name);
    const source = await openCheckpoint(path, { cacheFolder: join(folder.path, 'cache') });
    const { file, written } = await exported(source, parseMask('mlp.0', 2), 'source');
    expect(basename(file)).toBe('split-pruned1.F32.gguf');
    const { metadata } = (await readGgufModel(file)).first;
    expect(Object.keys(metadata).filter((key) => key.startsWith('split.'))).toEqual([]);
    expect(metadata['tokenizer.ggml.pre']).toBe('smollm');
    for (const pair of tensorPairs(written, source, repack(source.shape, parseMask('mlp.0', 2)))) {
      expect(await valuesOf(pair.written)).toEqual(await valuesOf(pair.source!));
    }
  });

  it('is healed by the weights that write to the residual stream', async () => {
    const source = await open(sourceOf('llama-all-biases'));
    const healing = new Map([[3, 1.5]]);
    const { written } = await exported(source, [3], 'f32', healing);
    const times = async (tensor: TensorLocation, factor: number) =>
      (await valuesOf(tensor)).map((value) => Math.fround(value * factor));
    expect(await valuesOf(written.embedding)).toEqual(await times(source.embedding, 1.5));
    expect(await valuesOf(written.finalNorm)).toEqual(await times(source.finalNorm, 1 / 1.5));
    const [o, down] = [source.layers[0].mha!.o, source.layers[2].mlp!.down];
    expect(await valuesOf(written.layers[0].mha!.o.bias!)).toEqual(await times(o.bias!, 1.5));
    expect(await valuesOf(written.layers[2].mlp!.down.weight)).toEqual(await valuesOf(down.weight));
  });

  it('is refused where it attends to a window', async () => {
    const source = await open(sourceOf('mistral-window'));
    await expect(planGguf(prunedModel(source, []), { type: 'f32', card: '' })).rejects.toThrow(
      /window of 24 tokens.*export --to hf --compat$/,
    );
  });

  it('is refused where llama.cpp would compute another rope', async () => {
    const given = await open(sourceOf('llama3-rope'));
    const scaling = { ...given.rope.scaling, highFreqFactor: 5 } as typeof given.rope.scaling;
    const source = { ...given, rope: { ...given.rope, scaling } };
    await expect(planGguf(prunedModel(source, []), { type: 'f32', card: '' })).rejects.toThrow(
      /high_freq_factor 5 cannot be said in a GGUF/,
    );
  });
});

const zeros = (length: number) => Array<number>(length).fill(0);

describe('a GGUF of SmolLM2 in Q4_1', () => {
  const mask = parseMask('mha.0+mlp.12+mha.20+mlp.29', 30);
  let source: Checkpoint;
  beforeAll(async () => {
    source = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
  }, 120_000);

  it('has the bytes of the quantized weights, and all that the source says of its tokenizer', async () => {
    const { file, written } = await exported(source, mask, 'source');
    expect(file).toMatch(/SmolLM2-135M-Instruct-pruned4\.Q4_1\.gguf$/);
    expect(formatMask(written.shape.absentBlocks ?? [])).toBe('mha.0+mlp.12+mha.20+mlp.29');
    for (const pair of tensorPairs(written, source, repack(source.shape, mask))) {
      const bytes = ({ file: of, lengthBytes, offsetBytes }: TensorLocation) =>
        readRange(of, offsetBytes, lengthBytes);
      expect(Buffer.compare(await bytes(pair.written), await bytes(pair.source!))).toBe(0);
    }
    const [from, to] = [(await readGgufModel(SMOLLM2_GGUF)).first, (await readGgufModel(file)).first];
    const tokenizerKeys = Object.keys(from.metadata).filter((key) => key.startsWith('tokenizer.'));
    expect(tokenizerKeys.length).toBeGreaterThan(8);
    for (const key of [...tokenizerKeys, 'general.license', 'general.quantization_version']) {
      expect([key, to.metadata[key]]).toEqual([key, from.metadata[key]]);
      expect(to.entries.get(key)!.lengthBytes).toBe(from.entries.get(key)!.lengthBytes);
    }
  }, 120_000);

  it('says of the tokenizer of a folder what a converter of llama.cpp says', async () => {
    const { folder: decoded } = source;
    const model = prunedModel(await openCheckpoint(decoded, { cacheFolder: CHECKPOINT_CACHE }), mask);
    const [planned] = (await planGguf(model, { type: 'source', card: '' })).files;
    const path = join(folder.path, 'header.gguf');
    for await (const header of planned.read(0)) {
      writeFileSync(path, header);
      break;
    }
    truncateSync(path, planned.sizeBytes);
    const [from, to] = [
      (await readGgufModel(SMOLLM2_GGUF)).first.metadata,
      (await readGgufModel(path)).first.metadata,
    ];
    for (const key of Object.keys(from).filter((name) => name.startsWith('tokenizer.'))) {
      expect([key, to[key]]).toEqual([key, from[key]]);
    }
  });

  it('is pruned further as well as its source', async () => {
    const once = await exported(source, parseMask('mha.0+mlp.12', 30), 'source');
    const twice = await exported(once.written, parseMask('mha.20+mlp.29', 30), 'source');
    const atOnce = await exported(source, mask, 'source');
    const [a, b] = [await readGgufModel(twice.file), await readGgufModel(atOnce.file)];
    expect(a.first.sizeBytes - a.first.headerBytes).toBe(b.first.sizeBytes - b.first.headerBytes);
    const [left, right] = [twice.written, atOnce.written];
    expect(left.shape).toEqual(right.shape);
    const bytes = ({ file, lengthBytes, offsetBytes }: TensorLocation) =>
      readRange(file, offsetBytes, lengthBytes);
    for (const layer of [0, 12, 20, 29]) {
      const weights = [left, right].map(({ layers }) => (layers[layer].mlp ?? layers[layer].mha)!);
      const [first, second] = weights.map((block) => ('down' in block ? block.down : block.o).weight);
      expect(Buffer.compare(await bytes(first), await bytes(second))).toBe(0);
    }
  }, 240_000);

  it('is not healed, since its bytes cannot be multiplied', async () => {
    const model = prunedModel(source, mask, new Map([[mask[1], 1.1]]));
    await expect(planGguf(model, { type: 'source', card: '' })).rejects.toThrow(
      /token_embd\.weight is Q8_0, which --heal cannot multiply: choose --dtype fp16 or fp32$/,
    );
  });
});
