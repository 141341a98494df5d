import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFp8, locateFp8 } from '../src/fp8-weights.ts';
import { decodePacked, locatePacked } from '../src/packed-weights.ts';
import { openWeightFiles, type WeightFiles } from '../src/weight-shards.ts';
import { rawSafetensors } from './raw-safetensors.ts';
import { temporaryFolder } from './tiny-model.ts';

interface Case {
  readonly tensors: Record<string, { shape: number[]; dtype: string; data: string }>;
  readonly decoded: string;
}

const positiveZeros = (base64: string): string => {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  return Buffer.from(new Float32Array(bytes.buffer).map((value) => value + 0).buffer).toString('base64');
};

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/quantized-weights.json'), 'utf8'),
) as Record<'awq' | 'gptq' | 'gptq-act-order' | 'fp8', Case>;
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

/** Base64 of all values; -0 counts as 0, as the product with a unit matrix makes it that AutoGPTQ was asked for. */
async function values(chunks: AsyncIterable<Float32Array>): Promise<string> {
  const parts = [];
  for await (const chunk of chunks) {
    const { buffer } = chunk.map((value) => value + 0);
    parts.push(Buffer.from(buffer));
  }
  return Buffer.concat(parts).toString('base64');
}

const GPTQ = { method: 'gptq', groupSize: 16, zeroOffset: 1 } as const;
const AWQ = { method: 'awq', groupSize: 16, zeroOffset: 0 } as const;
const SHAPE = [32, 64];

describe('weights decode, bit for bit, as', () => {
  it('AutoAWQ decodes them', async () => {
    const packed = locatePacked(await stored(cases.awq), 'm.weight', SHAPE, AWQ);
    expect(await values(decodePacked(packed))).toBe(positiveZeros(cases.awq.decoded));
  });

  it.each(['gptq', 'gptq-act-order'] as const)('AutoGPTQ decodes them: %s', async (name) => {
    const packed = locatePacked(await stored(cases[name]), 'm.weight', SHAPE, GPTQ);
    expect(await values(decodePacked(packed))).toBe(cases[name].decoded);
  });

  it('AutoGPTQ decodes them, when the groups are in order and not written', async () => {
    const weights = await stored(cases.gptq, (name, data) => (name === 'g_idx' ? null : data));
    expect(await values(decodePacked(locatePacked(weights, 'm.weight', SHAPE, GPTQ)))).toBe(
      cases.gptq.decoded,
    );
  });

  it('AutoGPTQ decodes them, when the zeros are stored as they are', async () => {
    const weights = await stored(cases.gptq, (name, data) => {
      if (name !== 'qzeros') return data;
      return Buffer.from(data.map((pair) => ((pair + 1) & 15) | ((pair + 16) & 240)));
    });
    const packed = locatePacked(weights, 'm.weight', SHAPE, { ...GPTQ, zeroOffset: 0 });
    expect(await values(decodePacked(packed))).toBe(cases.gptq.decoded);
  });

  it('transformers decodes FP8', async () => {
    const fp8 = locateFp8(await stored(cases.fp8), 'm.weight', [64, 96], [32, 32]);
    expect(await values(decodeFp8(fp8))).toBe(positiveZeros(cases.fp8.decoded));
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

  it('for FP8 whose scales do not fit the blocks', async () => {
    const weights = await stored(cases.fp8);
    expect(() => locateFp8(weights, 'm.weight', [64, 96], [64, 64])).toThrow(
      'm.weight_scale_inv has shape [2, 3], but m.weight [64, 96] in blocks of 64 x 64 takes 2 scales',
    );
    expect(() => locateFp8(weights, 'm.weight', [64, 96], null)).toThrow(
      'in blocks of 1 x 96 takes 64 scales',
    );
  });
});
