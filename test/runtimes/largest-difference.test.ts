import { describe, expect, it } from 'vitest';
import { LargestDifference } from './largest-difference.ts';

describe('LargestDifference', () => {
  it('is that of the worst row', () => {
    expect(new LargestDifference().of('a', [1, 2.5, 3], [1, 2, 3.25])).toBe(0.5);
  });

  it.each([
    [[], []],
    [[1], [1, 2]],
    [[1, 2], [1]],
    [
      [1, NaN],
      [1, 2],
    ],
    [[Infinity], [Infinity]],
    [[1, 2], Object.assign(new Array<number>(2), { 1: 2 })],
  ])('is none of %j and %j', (rowNats, expected) => {
    expect(() => new LargestDifference().of('a', rowNats, expected)).toThrow(/^a: rows \[.*\] cannot be/);
  });
});
