import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeOf } from '../test/table-search.ts';
import { expectedEvaluations } from './expected-evaluations.ts';
import { checkProblem, type SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';

const shape = { ...shapeOf(3), mlpParameters: 200, totalParameters: 1500 };
const remove = (count: number, blockType: SearchProblem['blockType'] = 'mix'): SearchProblem => ({
  shape,
  blockType,
  stop: { kind: 'remove', count },
});
const ratio = (value: number, blockType: SearchProblem['blockType'] = 'mix'): SearchProblem => ({
  shape,
  blockType,
  stop: { kind: 'ratio', ratio: value },
});
const messageOf = (problem: SearchProblem): string => {
  try {
    checkProblem(problem);
  } catch (error) {
    expect(error).toBeInstanceOf(SearchError);
    return (error as Error).message;
  }
  return 'accepted';
};

describe('checkProblem', () => {
  it('accepts removing every block of the type', () => {
    expect(messageOf(remove(6))).toBe('accepted');
    expect(messageOf(remove(3, 'mlp'))).toBe('accepted');
  });

  it('refuses more blocks than there are, naming the count, the limit and the type', () => {
    expect(messageOf(remove(4, 'mha'))).toBe(
      'cannot remove 4 blocks: the model has only 3 of block type mha: give --remove 3',
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses to remove %s blocks', (count) => {
    expect(messageOf(remove(count))).toContain(
      `cannot remove ${count} blocks: give a whole number from 1 to 6`,
    );
  });

  it.each([0, 1, -0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a pruning ratio of %s', (value) => {
    expect(messageOf(ratio(value))).toContain('is not between 0 and 1');
  });

  it('refuses a ratio that the block type cannot reach, naming the largest that it can', () => {
    expect(messageOf(ratio(0.2, 'mha'))).toBe('accepted');
    expect(messageOf(ratio(0.21, 'mha'))).toContain(
      'pruning ratio 0.21 is out of reach: the largest ratio of block type mha is 0.2: give --ratio 0.2',
    );
  });

  it('counts parameters that are left, and names the fewest that can be', () => {
    const target = (parameters: number): SearchProblem => ({
      ...remove(1),
      stop: { kind: 'target-params', parameters },
    });
    expect(messageOf(target(1499))).toBe('accepted');
    expect(messageOf(target(600))).toBe('accepted');
    expect(messageOf(target(599))).toBe(
      '599 parameters are out of reach: the fewest of block type mix are 600: give --target-params 600',
    );
    expect(messageOf(target(1500))).toBe(
      'the model has only 1500 parameters, which meets --target-params 1500: give at most 1499',
    );
  });

  it('names the nearest goal that keeps what is to be kept', () => {
    const keep = [0, 1, 5];
    expect(messageOf({ ...remove(4), keep })).toBe(
      'cannot remove 4 blocks: the model has only 3 of block type mix beside those kept: give --remove 3, or keep fewer blocks',
    );
    expect(messageOf({ ...ratio(0.5), keep })).toBe(
      'pruning ratio 0.5 is out of reach: the largest ratio of block type mix beside those kept is 0.2666: give --ratio 0.2666, or keep fewer blocks',
    );
    expect(messageOf({ ...ratio(0.2666), keep })).toBe('accepted');
    expect(messageOf({ ...remove(1), keep: [0, 1, 2, 3, 4, 5] })).toBe(
      'no block of block type mix beside those kept is left that may go: keep fewer blocks',
    );
  });

  it('counts decisions behind the start mask, and parameters with it', () => {
    const start = [1, 3];
    expect(messageOf({ ...remove(4), start })).toBe('accepted');
    expect(messageOf({ ...remove(3, 'mha'), start })).toBe('accepted');
    expect(messageOf({ ...remove(5), start })).toBe(
      'cannot remove 5 blocks: the model has only 4 of block type mix beside those in the start mask: give --remove 4',
    );
    expect(messageOf({ ...ratio(0.2), start })).toContain(
      'the start mask removes ratio 0.26666666666666666 of the parameters, which meets --ratio 0.2',
    );
    const target: SearchProblem = { ...remove(1), start, stop: { kind: 'target-params', parameters: 1100 } };
    expect(messageOf(target)).toBe(
      'the model has only 1100 parameters without the start mask, which meets --target-params 1100: give at most 1099',
    );
  });

  it('refuses to keep what is gone from the start', () => {
    expect(messageOf({ ...remove(1), keep: [1, 2], start: [2, 3] })).toBe(
      'mha.1 is both kept and in the start mask: take it out of --keep or of --start-mask',
    );
  });

  it('names goals that it then accepts', () => {
    const problems = fc.record({
      keep: fc.subarray([0, 1, 2, 3, 4, 5]),
      start: fc.subarray([0, 1, 2, 3, 4, 5]),
      blockType: fc.constantFrom('mix' as const, 'mha' as const, 'mlp' as const),
      stop: fc.oneof(
        fc.record({ kind: fc.constant('remove' as const), count: fc.integer({ min: 1, max: 9 }) }),
        fc.record({
          kind: fc.constant('ratio' as const),
          ratio: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        }),
        fc.record({
          kind: fc.constant('target-params' as const),
          parameters: fc.integer({ min: 1, max: 1600 }),
        }),
      ),
    });
    fc.assert(
      fc.property(problems, (asked) => {
        const problem = { shape, ...asked };
        const [, flag, value] = /give (--[\w-]+) ([\d.]+)/.exec(messageOf(problem)) ?? [];
        if (flag === undefined) return;
        const stop = {
          '--remove': { kind: 'remove', count: Number(value) },
          '--ratio': { kind: 'ratio', ratio: Number(value) },
          '--target-params': { kind: 'target-params', parameters: Number(value) },
        }[flag] as SearchProblem['stop'];
        expect(messageOf({ ...problem, stop })).toBe('accepted');
      }),
      { numRuns: 500 },
    );
  });
});

describe('expectedEvaluations', () => {
  it('is exact for a count of removals', () => {
    expect(expectedEvaluations(remove(3))).toEqual({
      iterations: { least: 3, most: 3 },
      candidates: { least: 6 + 5 + 4, most: 6 + 5 + 4 },
    });
  });

  it('bounds a ratio by the largest and the smallest blocks going first', () => {
    expect(expectedEvaluations(ratio(0.26))).toEqual({
      iterations: { least: 2, most: 4 },
      candidates: { least: 6 + 5, most: 6 + 5 + 4 + 3 },
    });
  });

  it('is exact for a ratio over blocks of one size', () => {
    expect(expectedEvaluations(ratio(0.26, 'mlp')).iterations).toEqual({ least: 2, most: 2 });
  });

  it('refuses a problem without solution', () => {
    expect(() => expectedEvaluations(remove(7))).toThrow(SearchError);
  });

  it('is one iteration at least where a limit may end the search, and every block at most without a goal', () => {
    const limit = { kind: 'perplexity', perplexity: 9 } as const;
    const problem: SearchProblem = { ...remove(1), start: [0], keep: [5], stop: { kind: 'all', limit } };
    expect(expectedEvaluations(problem)).toEqual({
      iterations: { least: 1, most: 4 },
      candidates: { least: 4, most: 4 + 3 + 2 + 1 },
    });
  });
});
