import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LLAMA3_ORIGINAL_TOKENS, llama3Divisors, llama3Scaling, metadataScaling } from './gguf-rope.ts';

interface RopeCase {
  readonly theta: number;
  readonly headSize: number;
  readonly factor: number;
  readonly divisors: number[];
}

const path = new URL('../test/fixtures/rope-freqs.json', import.meta.url);
const cases = JSON.parse(readFileSync(path, 'utf8')) as Record<string, RopeCase>;
const llama = cases['Llama-3.1-8B'];

const scaling = (values: readonly number[], rope: { theta: number; headSize: number }) =>
  llama3Scaling('/m.gguf', Float32Array.from(values), rope, LLAMA3_ORIGINAL_TOKENS);

const refusal = expect.objectContaining({
  code: 'unsupported',
  message: expect.stringMatching(/^\/m\.gguf: rope_freqs\.weight \(.* is not the llama3 scaling/) as string,
}) as Error;

describe('the divisors of a GGUF', () => {
  it.each(Object.keys(cases))('of %s are those of its llama3 scaling', (name) => {
    const { divisors, factor, ...rope } = cases[name];
    expect(scaling(divisors, rope)).toEqual({
      rope_type: 'llama3',
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });
  });

  it.each(Object.keys(cases))('of %s are made of its llama3 scaling again', (name) => {
    const { divisors, factor, ...rope } = cases[name];
    const parameters = { lowFreqFactor: 1, highFreqFactor: 4, originalMaxTokens: LLAMA3_ORIGINAL_TOKENS };
    const made = llama3Divisors(rope, { kind: 'llama3', factor, ...parameters });
    made.forEach((divisor, pair) => expect(divisor / divisors[pair]).toBeCloseTo(1, 5));
  });

  it('are those of another original context where the file says it', () => {
    const rope = { theta: 10000, headSize: 16 };
    const parameters = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxTokens: 32 };
    const divisors = llama3Divisors(rope, { kind: 'llama3', ...parameters });
    expect(llama3Scaling('/m.gguf', divisors, rope, 32)).toMatchObject({
      factor: 8,
      original_max_position_embeddings: 32,
    });
    expect(() => llama3Scaling('/m.gguf', divisors, rope, LLAMA3_ORIGINAL_TOKENS)).toThrow(refusal);
  });

  it('that are all 1 scale nothing', () => {
    expect(scaling(Array<number>(64).fill(1), llama)).toBeNull();
  });

  it.each<[string, number[], number]>([
    ['one that differs', llama.divisors.map((value, i) => (i === 40 ? value * 1.0001 : value)), llama.theta],
    ['one that is not finite', llama.divisors.map((value, i) => (i === 40 ? NaN : value)), llama.theta],
    ['zeros', Array<number>(64).fill(0), llama.theta],
    ['an infinite factor', llama.divisors.map((value) => (value === 8 ? Infinity : value)), llama.theta],
    ['a negative factor', llama.divisors.map((value) => (value === 8 ? -8 : value)), llama.theta],
    ['the same for every frequency', Array<number>(64).fill(8), llama.theta],
    ['another base', llama.divisors, 1_000_000],
  ])('with %s are refused', (_, values, theta) => {
    expect(() => scaling(values, { theta, headSize: 128 })).toThrow(refusal);
  });

  it('are one for each pair of a head', () => {
    expect(() => scaling(llama.divisors, { theta: llama.theta, headSize: 64 })).toThrow(
      'rope_freqs.weight has 64 values: expected one for each pair of a head of 64',
    );
  });
});

describe('the scaling in the metadata of a GGUF', () => {
  const scalingOf = (values: Record<string, unknown>) =>
    metadataScaling({ file: '/m.gguf', values }, 'qwen2');

  it.each<[Record<string, unknown>, number | null]>([
    [{}, null],
    [{ 'qwen2.rope.scaling.type': 'none', 'qwen2.rope.scaling.factor': 4 }, null],
    [{ 'qwen2.rope.scaling.type': 'linear', 'qwen2.rope.scaling.factor': 4 }, 4],
    [{ 'qwen2.rope.scaling.factor': 4 }, 4],
    [{ 'qwen2.rope.scale_linear': 2 }, 2],
    [{ 'qwen2.rope.scaling.factor': 4, 'qwen2.rope.scale_linear': 2 }, 4],
    [{ 'llama.rope.scaling.factor': 4 }, null],
  ])('%j divides every frequency by %s', (values, factor) => {
    expect(scalingOf(values)).toEqual(factor && { rope_type: 'linear', factor });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ 'qwen2.rope.scaling.type': 'yarn' }, 'qwen2.rope.scaling.type "yarn" is not supported'],
    [{ 'qwen2.rope.scaling.factor': 0 }, 'qwen2.rope.scaling.factor is 0: expected a number from 0.001'],
  ])('%j is refused', (values, message) => {
    expect(() => scalingOf(values)).toThrow(message);
  });
});
