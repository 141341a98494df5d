import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ITERATION_LIST, iterationsOf } from './iteration-list.ts';

describe('a list of iterations', () => {
  it('is all of them where none is given', () => {
    expect(iterationsOf(undefined, 3)).toEqual([1, 2, 3]);
    expect(iterationsOf(undefined, 0)).toEqual([]);
  });

  it('is of numbers and ranges, in order, each once', () => {
    expect(iterationsOf('4,1-2,2', 5)).toEqual([1, 2, 4]);
  });

  it.each(['0', '1-6', '6', '3-2', '1,2-9'])('refuses %s of a run of 5, and says what there is', (list) => {
    expect(ITERATION_LIST.test(list)).toBe(true);
    expect(() => iterationsOf(list, 5)).toThrow(/not among the iterations of the run; name some of 1 to 5/);
  });

  it.each(['', 'two', '1,', '-3', '1-2-3', '1.5', ' 1'])('has no place for "%s"', (list) => {
    expect(ITERATION_LIST.test(list)).toBe(false);
  });

  it('names what was put into it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (iterations) => {
        expect(iterationsOf(iterations.join(), 40)).toEqual(iterations.toSorted((a, b) => a - b));
      }),
    );
  });
});
