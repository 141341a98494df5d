import type { ModelShape } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { expectedEvaluations } from './expected-evaluations.ts';
import { checkProblem, type SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';

const shape: ModelShape = {
  layerCount: 3,
  hiddenSize: 8,
  intermediateSize: 16,
  headCount: 2,
  kvHeadCount: 2,
  headSize: 4,
  vocabSize: 32,
  mhaParameters: 100,
  mlpParameters: 200,
  totalParameters: 1500,
};
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
      'cannot remove 4 blocks: the model has only 3 of block type mha; remove fewer',
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
      'removing every block of block type mha gives 0.2; give a smaller ratio',
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
});
