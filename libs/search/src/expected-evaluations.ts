import { blockParameters } from '@blockpruner/blocks';
import { candidatesOf, startOf } from './iteration.ts';
import { checkProblem, isSolved, type SearchProblem } from './problem.ts';

/** What a number lies between, both included. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** How much an exhaustive search has to do; `least` and `most` differ where blocks differ in size, or where there is a limit. */
export interface ExpectedEvaluations {
  readonly iterations: Bounds;
  /** Candidates scored over all iterations, each on every row; the dense baseline comes on top. */
  readonly candidates: Bounds;
}

/**
 * Bounds on the work of an exhaustive search, exact for a fixed count of removals. For a goal in parameters the
 * largest blocks going first gives the least, the smallest first the most. A limit may be met in any iteration.
 * @throws SearchError as `checkProblem` does
 */
export function expectedEvaluations(problem: SearchProblem): ExpectedEvaluations {
  checkProblem(problem);
  const { shape } = problem;
  const start = startOf(problem);
  const ascending = candidatesOf(problem, start).sort(
    (a, b) => blockParameters(shape, a) - blockParameters(shape, b),
  );
  const removals = (order: readonly number[]) => {
    let count = 1;
    while (!isSolved(problem, [...start, ...order.slice(0, count)])) count++;
    return count;
  };
  const least = problem.stop.limit ? 1 : removals(ascending.toReversed());
  const most = removals(ascending);
  const candidates = (iterations: number) =>
    iterations * ascending.length - (iterations * (iterations - 1)) / 2;
  return {
    iterations: { least, most },
    candidates: { least: candidates(least), most: candidates(most) },
  };
}
