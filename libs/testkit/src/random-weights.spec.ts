import { describe, expect, it } from 'vitest';
import { randomTensor, uniformStream } from './random-weights.ts';

describe('uniformStream', () => {
  it('gives the same numbers for the same text on every machine', () => {
    const uniform = uniformStream('1/model.norm.weight');
    expect([uniform(), uniform(), uniform()].map((value) => value * 2 ** 32)).toEqual([
      3521976897, 197828635, 2227689079,
    ]);
  });

  it('gives other numbers for another text', () => {
    expect(uniformStream('1/a')()).not.toBe(uniformStream('1/b')());
    expect(uniformStream('1/a')()).not.toBe(uniformStream('2/a')());
  });
});

describe('randomTensor', () => {
  it('has about the mean and the deviation asked for', () => {
    const values = randomTensor('moments', 40000, 3, 0.5);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(3, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(0.5, 1);
  });
});
