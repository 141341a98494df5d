import { exhaustiveSearch } from './exhaustive.ts';
import type { SearchProblem } from './problem.ts';
import { raceSearch } from './race.ts';
import { SearchError } from './search-error.ts';
import type { Strategy } from './strategy.ts';

/** How the block to remove is found, by the name that the command line and a run's config have for it. */
export interface SearchMethod {
  readonly search: 'exhaustive' | 'race';
  /** Of a race. */
  readonly confidence?: number;
  /** Of a race. */
  readonly seed?: number;
}

/** @throws SearchError when the problem has no solution, or a race lacks one of its settings */
export function strategyFor(problem: SearchProblem, { search, confidence, seed }: SearchMethod): Strategy {
  if (search === 'exhaustive') return exhaustiveSearch(problem);
  if (confidence === undefined || seed === undefined) {
    throw new SearchError(`a race needs a confidence and a seed: it has ${confidence} and ${seed}`);
  }
  return raceSearch(problem, { confidence, seed });
}
