import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOISE_CANDIDATES, noiseSample } from './noise-sample.ts';
import type { CandidateScore } from './strategy.ts';

const scoresOf = (values: readonly number[]): CandidateScore[] =>
  values.map((score, block) => ({ block, score, rowCount: 1 }));

describe('the candidates that the noise is measured on', () => {
  it('are spread over the better half, from the best to the median', () => {
    const worstFirst = scoresOf(Array.from({ length: 30 }, (_, i) => 30 - i));
    expect(noiseSample(worstFirst)).toEqual([15, 17, 19, 21, 23, 25, 27, 29]);
  });

  it('are all of them where there are few', () => {
    expect(noiseSample(scoresOf([3, NaN, 1, 2]))).toEqual([0, 2, 3]);
    expect(noiseSample(scoresOf([3]))).toEqual([0]);
    expect(noiseSample(scoresOf([]))).toEqual([]);
  });

  it('are distinct, have a score, and the best one is among them', () => {
    const value = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(Infinity));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 80 }), (values) => {
        const sample = noiseSample(scoresOf(values));
        const finite = values.filter(Number.isFinite).length;
        expect(new Set(sample).size).toBe(Math.min(NOISE_CANDIDATES, finite));
        expect(sample).toEqual(sample.toSorted((a, b) => a - b));
        const best = Math.min(...values);
        if (finite > 0) expect(sample.some((block) => values[block] === best)).toBe(true);
        expect(sample.every((block) => Number.isFinite(values[block]))).toBe(true);
      }),
    );
  });
});
