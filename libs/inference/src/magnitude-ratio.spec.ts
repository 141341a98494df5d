import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { magnitudeRatio } from './magnitude-ratio.ts';

describe('magnitudeRatio', () => {
  it('is the mean over tokens of the ratio of lengths', () => {
    const before = Float32Array.of(3, -4, 0, 1000);
    const after = Float32Array.of(6, 8, 0, -1000);
    expect(magnitudeRatio({ before, after }, 2)).toBe((10 / 5 + 1000 / 1000) / 2);
  });

  it('leaves out tokens that are zero before the block', () => {
    const after = Float32Array.of(3, 0, 5, 5);
    expect(magnitudeRatio({ before: Float32Array.of(1, 0, 0, 0), after }, 2)).toBe(3);
    expect(magnitudeRatio({ before: new Float32Array(4), after }, 2)).toBe(1);
  });

  it('is the factor of a block that multiplies the stream', () => {
    const values = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(values, fc.constantFrom(0.25, 0.5, 1, 2, 8), (numbers, factor) => {
        const before = Float32Array.from(numbers.slice(0, numbers.length - (numbers.length % 3)));
        const after = before.map((value) => value * factor);
        expect(magnitudeRatio({ before, after }, 3)).toBeCloseTo(factor, 12);
      }),
    );
  });
});
