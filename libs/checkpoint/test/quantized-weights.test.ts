import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFp8, locateFp8 } from '../src/fp8-weights.ts';
import { decodePacked, locatePacked } from '../src/packed-weights.ts';
import { openWeightFiles, type WeightFiles } from '../src/weight-shards.ts';
import { rawSafetensors, type RawTensor } from './raw-safetensors.ts';
import { temporaryFolder } from './tiny-model.ts';

interface Case {
  readonly tensors: Record<string, { shape: number[]; dtype: string; data: string }>;
  readonly decoded: string;
}

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/quantized-weights.json'), 'utf8'),
) as Record<string, Case>;
const DTYPES: Record<string, string> = { int32: 'I32', float16: 'F16', float32: 'F32', uint8: 'F8_E4M3' };
const root = temporaryFolder();

/** The tensors of a case in a model folder, as those of the module `m`. */
function stored(
  { tensors }: Case,
  change: (name: string, data: Buffer) => Buffer | null = (_, data) => data,
): Promise<WeightFiles> {
  const raw = Object.entries(tensors).flatMap(([name, { shape, dtype, data }]) => {
    const changed = change(name, Buffer.from(data, 'base64'));
    return changed ? [{ name: `m.${name}`, dtype: DTYPES[dtype], shape, data: changed }] : [];
  });
  writeFileSync(join(root, 'model.safetensors'), rawSafetensors(raw));
  return openWeightFiles(root);
}

/** Base64 of all values. */
async function values(chunks: AsyncIterable<Float32Array>): Promise<string> {
  const parts = [];
  for await (const { buffer } of chunks) parts.push(Buffer.from(buffer));
  return Buffer.concat(parts).toString('base64');
}

/** As `values`; -0 counts as 0, as the product with a unit matrix makes it that AutoGPTQ was asked for. */
async function positiveZeros(chunks: AsyncIterable<Float32Array>): Promise<string> {
  const bytes = new Uint8Array(Buffer.from(await values(chunks), 'base64'));
  return Buffer.from(new Float32Array(bytes.buffer).map((value) => value + 0).buffer).toString('base64');
}

const GPTQ = { method: 'gptq', groupSize: 16, zeroOffset: 1 } as const;
const AWQ = { method: 'awq', groupSize: 16, zeroOffset: 0 } as const;
const SHAPE = [32, 64];

describe('weights decode, bit for bit, as', () => {
  it('AutoAWQ decodes them', async () => {
    const packed = locatePacked(await stored(cases.awq), 'm.weight', SHAPE, AWQ);
    expect(await values(decodePacked(packed))).toBe(cases.awq.decoded);
  });

  it.each(['gptq', 'gptq-act-order'] as const)('AutoGPTQ decodes them: %s', async (name) => {
    const packed = locatePacked(await stored(cases[name]), 'm.weight', SHAPE, GPTQ);
    expect(await positiveZeros(decodePacked(packed))).toBe(cases[name].decoded);
  });

  it('AutoGPTQ decodes them, when the groups are in order and not written', async () => {
    const weights = await stored(cases.gptq, (name, data) => (name === 'g_idx' ? null : data));
    expect(await positiveZeros(decodePacked(locatePacked(weights, 'm.weight', SHAPE, GPTQ)))).toBe(
      cases.gptq.decoded,
    );
  });

  it('AutoGPTQ decodes them, when the zeros are stored as they are', async () => {
    const weights = await stored(cases.gptq, (name, data) => {
      if (name !== 'qzeros') return data;
      return Buffer.from(data.map((pair) => ((pair + 1) & 15) | ((pair + 16) & 240)));
    });
    const packed = locatePacked(weights, 'm.weight', SHAPE, { ...GPTQ, zeroOffset: 0 });
    expect(await positiveZeros(decodePacked(packed))).toBe(cases.gptq.decoded);
  });

  it.each<[string, string, number[], number[] | null]>([
    ['transformers decodes FP8 in blocks', 'fp8', [64, 96], [32, 32]],
    ['transformers decodes FP8 whose last blocks are cut', 'fp8-ragged', [40, 72], [32, 32]],
    ['transformers decodes FP8 with one scale', 'fp8-tensor', [16, 24], null],
    ['compressed-tensors decodes FP8 with a scale a row', 'fp8-rows', [16, 24], null],
  ])('%s', async (_, name, shape, block) => {
    const fp8 = locateFp8(await stored(cases[name]), 'm.weight', shape, block)!;
    expect(await values(decodeFp8(fp8))).toBe(cases[name].decoded);
  });

  it('e4m3 says, NaN with either sign', async () => {
    const data = Buffer.from([0x7f, 0xff, 0x7e, 0xfe, 0x00, 0x80, 0x01, 0x38]);
    const raw = [
      { name: 'm.weight', dtype: 'F8_E4M3', shape: [1, 8], data },
      {
        name: 'm.weight_scale_inv',
        dtype: 'F32',
        shape: [],
        data: Buffer.from(new Float32Array([2]).buffer),
      },
    ];
    writeFileSync(join(root, 'model.safetensors'), rawSafetensors(raw));
    const chunks = decodeFp8(locateFp8(await openWeightFiles(root), 'm.weight', [1, 8], null)!);
    const { value } = (await chunks.next()) as IteratorYieldResult<Float32Array>;
    expect([...value]).toEqual([NaN, NaN, 896, -896, 0, -0, 2 ** -8, 2]);
  });
});

describe('packed weights are refused', () => {
  it('when a group does not exist', async () => {
    const weights = await stored(cases.gptq, (name, data) => {
      if (name === 'g_idx') data.writeInt32LE(4, 4 * 7);
      return data;
    });
    const packed = locatePacked(weights, 'm.weight', SHAPE, GPTQ);
    await expect(values(decodePacked(packed))).rejects.toThrow('g_idx 7 is 4: expected 0 to 3');
  });

  it.each(['qweight', 'qzeros', 'scales'])('without %s', async (part) => {
    const weights = await stored(cases.awq, (name, data) => (name === part ? null : data));
    expect(() => locatePacked(weights, 'm.weight', SHAPE, AWQ)).toThrow(`tensor m.${part} is missing`);
  });

  it.each<[string, number[], number | null, string]>([
    [
      'inputs that the groups do not divide',
      [32, 64],
      48,
      'm.weight [32, 64] cannot be packed by 8 in groups of 48',
    ],
    ['outputs that eight does not divide', [33, 64], 16, 'cannot be packed by 8'],
    ['other outputs', [64, 64], 16, 'm.qweight has shape [64, 4], awq in groups of 16 says [64, 8]'],
    ['other groups', [32, 64], 32, 'm.qzeros has shape [4, 4], awq in groups of 32 says [2, 4]'],
    ['one group', [32, 64], null, 'm.qzeros has shape [4, 4], awq in groups of 64 says [1, 4]'],
  ])('for %s', async (_, shape, groupSize, message) => {
    const weights = await stored(cases.awq);
    expect(() => locatePacked(weights, 'm.weight', shape, { ...AWQ, groupSize })).toThrow(message);
  });

  it('stored twice, as they are and packed', async () => {
    const name = (part: string) => `m.${part}`;
    const tensors = Object.entries(cases.awq.tensors).map(([part, { shape, dtype, data }]) => {
      return { name: name(part), dtype: DTYPES[dtype], shape, data: Buffer.from(data, 'base64') };
    });
    const twice = { name: 'm.weight', dtype: 'F32', shape: [32, 64], data: Buffer.alloc(32 * 64 * 4) };
    writeFileSync(join(root, 'model.safetensors'), rawSafetensors([...tensors, twice]));
    const weights = await openWeightFiles(root);
    expect(() => locatePacked(weights, 'm.weight', SHAPE, AWQ)).toThrow('m.weight is there twice');
  });
});

describe('FP8 weights are refused', () => {
  it.each<[string, number[], number[] | null, string]>([
    ['other blocks', [64, 96], [64, 64], 'by config.json [64, 96], in blocks of 64 x 64 takes [1, 2]'],
    ['no blocks', [64, 96], null, 'in blocks of 1 x 96 takes [64, 1]'],
    ['blocks of the same count the other way round', [64, 96], [22, 48], 'takes [3, 2]'],
    ['another shape', [96, 64], [32, 32], 'm.weight [64, 96], by config.json [96, 64]'],
  ])('for %s', async (_, shape, block, message) => {
    const weights = await stored(cases.fp8);
    expect(() => locateFp8(weights, 'm.weight', shape, block)).toThrow(message);
  });

  const weight = { name: 'm.weight', dtype: 'F8_E4M3', shape: [8, 8], data: Buffer.alloc(64) };
  const scale = (name: string, dtype = 'F32') => {
    return { name: `m.${name}`, dtype, shape: [1], data: Buffer.alloc(dtype === 'F32' ? 4 : 1) };
  };
  it.each<[string, RawTensor[], string]>([
    ['without a scale', [weight], 'tensor m.weight_scale_inv is missing'],
    [
      'with two scales',
      [weight, scale('weight_scale'), scale('weight_scale_inv')],
      'm.weight has both m.weight_scale_inv and m.weight_scale',
    ],
    ['with a scale of powers of two', [weight, scale('weight_scale', 'F8_E8M0')], 'has dtype F8_E8M0'],
    [
      'of another kind',
      [{ ...weight, dtype: 'F8_E5M2' }, scale('weight_scale')],
      'm.weight has dtype F8_E5M2',
    ],
    [
      'that are floats, and have a scale all the same',
      [{ ...weight, dtype: 'BF16', data: Buffer.alloc(128) }, scale('weight_scale')],
      'm.weight is BF16, which takes no m.weight_scale',
    ],
  ])('%s', async (_, tensors, message) => {
    writeFileSync(join(root, 'model.safetensors'), rawSafetensors(tensors));
    const weights = await openWeightFiles(root);
    expect(() => locateFp8(weights, 'm.weight', [8, 8], null)).toThrow(message);
  });
});
