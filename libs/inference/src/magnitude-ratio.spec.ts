import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { magnitudeRatio } from './magnitude-ratio.ts';

describe('magnitudeRatio', () => {
  it('is the mean over channels of the ratio of mean magnitudes', () => {
    const before = Float32Array.of(1, -2, 3, 2);
    const after = Float32Array.of(2, -2, -6, 4);
    expect(magnitudeRatio({ before, after }, 2)).toBe((8 / 4 + 6 / 4) / 2);
  });

  it('leaves out channels that are zero before the block', () => {
    const after = Float32Array.of(3, 5, 3, 5);
    expect(magnitudeRatio({ before: Float32Array.of(1, 0, 1, 0), after }, 2)).toBe(3);
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
