import { describe, expect, it } from 'vitest';
import { standardErrorsFor } from './decision-confidence.ts';

/** Normal numbers out of a seed (Box and Muller, mulberry32). */
function normals(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

describe('the standard errors of a confidence', () => {
  it('are quantiles of the normal distribution, with the error divided among comparisons', () => {
    expect(standardErrorsFor(0.975, 1, 1)).toBeCloseTo(1.959964, 6);
    expect(standardErrorsFor(0.95, 900, 1)).toBeCloseTo(3.864952, 6);
    expect(standardErrorsFor(0.99, 60, 15)).toBeGreaterThan(standardErrorsFor(0.95, 60, 15));
    expect(standardErrorsFor(0.95, 60, 63)).toBeGreaterThan(standardErrorsFor(0.95, 60, 15));
  });

  it('count looks as what they are worth: the first ones each, later ones ever less', () => {
    expect(standardErrorsFor(0.95, 60, 4)).toBeCloseTo(standardErrorsFor(0.95, 240, 1), 9);
    expect(standardErrorsFor(0.95, 60, 63)).toBeLessThan(standardErrorsFor(0.95, 60 * 63, 1) - 0.15);
    expect(standardErrorsFor(0.95, 60, 4000)).toBeGreaterThan(standardErrorsFor(0.95, 60, 63));
  });

  it('keep the promise for one candidate that is looked at all the time', () => {
    const looks = 255;
    const limit = standardErrorsFor(0.95, 1, looks);
    let crossings = 0;
    for (let trial = 0; trial < 4000; trial++) {
      const random = normals(trial);
      let sum = 0;
      for (let k = 1; k <= looks; k++) {
        sum += random();
        if (sum / Math.sqrt(k) <= limit) continue;
        crossings++;
        break;
      }
    }
    expect(crossings / 4000).toBeLessThan(0.05);
    expect(crossings / 4000).toBeGreaterThan(0.01);
  });

  it('are more than anybody can be behind at confidence 1, or where there is nobody to compare', () => {
    expect(standardErrorsFor(1, 60, 15)).toBe(Infinity);
    expect(standardErrorsFor(0.9, 0, 15)).toBe(Infinity);
    expect(standardErrorsFor(0.9, 60, 0)).toBe(Infinity);
  });
});
