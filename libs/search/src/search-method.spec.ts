import { describe, expect, it } from 'vitest';
import { shapeOf } from '../test/table-search.ts';
import type { SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';
import { strategyFor } from './search-method.ts';

const problem: SearchProblem = { shape: shapeOf(2), blockType: 'mix', stop: { kind: 'remove', count: 1 } };

describe('a search method', () => {
  it('needs of a race its confidence and its seed', () => {
    expect(() => strategyFor(problem, { search: 'race', seed: 1 })).toThrow(SearchError);
    expect(() => strategyFor(problem, { search: 'race', confidence: 0.9 })).toThrow(/confidence and a seed/);
    expect(() => strategyFor(problem, { search: 'exhaustive' })).not.toThrow();
  });
});
