import { describe, expect, it } from 'vitest';
import { heldOutLines, risesFarMore } from './over-fitting.ts';

const scored = (perplexity: number, heldOut?: number) => ({
  score: Math.log(perplexity),
  perplexity,
  ...(heldOut !== undefined && { heldOut: { score: Math.log(heldOut), perplexity: heldOut } }),
});

describe('heldOutLines', () => {
  it('names both ratios, and warns where the held-out one is far larger', () => {
    expect(heldOutLines({ dense: scored(10, 20), pruned: scored(12, 30) })).toEqual([
      'perplexity rose by a factor of 1.5000 on held-out rows, of 1.2000 on calibration rows',
      expect.stringMatching(/^warning: that is far more on held-out rows; calibrate on more rows/),
    ]);
    expect(heldOutLines({ dense: scored(10, 20), pruned: scored(12, 25) })).toEqual([
      'perplexity rose by a factor of 1.2500 on held-out rows, of 1.2000 on calibration rows',
    ]);
  });

  it('says nothing where no row is held out', () => {
    expect(heldOutLines({ dense: scored(10), pruned: scored(12) })).toEqual([]);
  });

  it('names what is no number, also as a result file has it', () => {
    const heldOut = { score: 'NaN', perplexity: 'NaN' } as unknown as { score: number; perplexity: number };
    expect(heldOutLines({ dense: scored(10, 20), pruned: { ...scored(12), heldOut } })).toEqual([
      'perplexity rose by a factor of NaN on held-out rows, of 1.2000 on calibration rows',
    ]);
  });
});

describe('risesFarMore', () => {
  it.each([
    [1.2, 1.32, true], // 0.278 nats to 0.182
    [1.2, 1.31, false], // 0.270 to 0.182
    [2, 2.5, false], // a quarter more, but not half as many nats again
    [1.01, 1.05, false], // four times the nats, but not 5 % more
    [1.01, 1.07, true],
    [0.98, 1.04, true], // better here, worse there
    [0.9, 0.96, false], // better on both
    [1.5, Infinity, true],
    [1.5, NaN, false],
  ])('of %f on calibration rows and %f on held-out ones: %s', (calibration, heldOut, isFarMore) => {
    expect(risesFarMore(calibration, heldOut)).toBe(isFarMore);
  });
});
