import { describe, expect, it } from 'vitest';
import { standardErrorsFor } from './decision-confidence.ts';

describe('the standard errors of a confidence', () => {
  it('are quantiles of the normal distribution, with the error divided among comparisons', () => {
    expect(standardErrorsFor(0.975, 1)).toBeCloseTo(1.959964, 6);
    expect(standardErrorsFor(0.95, 900)).toBeCloseTo(3.864952, 6);
    expect(standardErrorsFor(0.99, 900)).toBeGreaterThan(standardErrorsFor(0.95, 900));
    expect(standardErrorsFor(0.95, 4000)).toBeGreaterThan(standardErrorsFor(0.95, 900));
  });

  it('are more than anybody can be behind at confidence 1, or where there is nobody to compare', () => {
    expect(standardErrorsFor(1, 900)).toBe(Infinity);
    expect(standardErrorsFor(0.9, 0)).toBe(Infinity);
  });
});
