// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- the package has no types, and an ambient module cannot be imported
/// <reference path="./jstat.d.ts" />
import jStat from 'jstat';

/**
 * How many standard errors a candidate must be behind the leader to be dropped, so that a whole iteration keeps the
 * candidate that all rows would choose with this probability: the probability of error is divided among all comparisons
 * that can be made (Bonferroni), and an estimate is taken to be normal.
 * @param confidence above 0; 1 drops nobody
 * @param comparisons of an iteration: candidates times looks
 */
export function standardErrorsFor(confidence: number, comparisons: number): number {
  if (confidence >= 1 || comparisons < 1) return Infinity;
  return -jStat.normal.inv((1 - confidence) / comparisons, 0, 1);
}
