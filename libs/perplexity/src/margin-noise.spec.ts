import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { marginNoise, type NoiseSample } from './margin-noise.ts';

const nats = fc.double({ min: 0, max: 20, noNaN: true });
const sample = fc.record({ candidate: fc.nat(63), score: nats, scoreInFp32: nats });

describe('the noise of a margin', () => {
  it('is the spread of the errors, and what they share is not in it', () => {
    const samples: NoiseSample[] = [
      { candidate: 3, score: 2.5, scoreInFp32: 2 },
      { candidate: 4, score: 3.75, scoreInFp32: 3 },
      { candidate: null, score: 1.25, scoreInFp32: 1 },
    ];
    expect(marginNoise(samples)).toBe(0.5);
    expect(marginNoise(samples.map((each) => ({ ...each, score: each.score + 8 })))).toBe(0.5);
  });

  it('is 0 where there are not two errors to compare', () => {
    expect(marginNoise([])).toBe(0);
    expect(marginNoise([{ candidate: 1, score: 2, scoreInFp32: 1 }])).toBe(0);
    expect(
      marginNoise([
        { candidate: 1, score: 2, scoreInFp32: 1 },
        { candidate: 2, score: Infinity, scoreInFp32: 1 },
        { candidate: 3, score: 1, scoreInFp32: NaN },
        { candidate: 4, score: Infinity, scoreInFp32: Infinity },
      ]),
    ).toBe(0);
  });

  it('bounds how far any two samples move apart, is reached by two of them, and has no order', () => {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 2, maxLength: 9 }), (samples) => {
        const moved = samples.flatMap((a) =>
          samples.map((b) => Math.abs(a.score - a.scoreInFp32 - (b.score - b.scoreInFp32))),
        );
        expect(marginNoise(samples)).toBe(Math.max(...moved));
        expect(marginNoise(samples.toReversed())).toBe(marginNoise(samples));
      }),
    );
  });
});
