// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- the package has no types, and an ambient module cannot be imported
/// <reference path="./jstat.d.ts" />
import jStat from 'jstat';

/** More than it takes for the digits of a double. */
const ROUNDS = 40;

/**
 * How many standard errors a candidate must be behind the leader to be dropped, so that a whole iteration keeps the
 * candidate that all rows would choose with this probability: the probability of error is divided among all
 * comparisons (Bonferroni), and an estimate is taken to be normal.
 * @param confidence above 0; 1 drops nobody
 * @param candidates beside the leader
 * @param looks from row to row
 */
export function standardErrorsFor(confidence: number, candidates: number, looks: number): number {
  if (confidence >= 1 || candidates < 1 || looks < 1) return Infinity;
  const share = (1 - confidence) / candidates;
  let standardErrors = quantile(share / looks);
  for (let round = 0; round < ROUNDS; round++)
    standardErrors = quantile(share / independentLooks(looks, standardErrors));
  return standardErrors;
}

/**
 * How many independent looks the nested ones are worth: the means of k and of k + 1 rows are nearly the same. A Brownian
 * motion that is looked at all the time from k to k + 1 crosses z standard errors, for large z, as often as
 * `z² / 2 · ln((k + 1) / k)` independent looks do (Siegmund, Sequential Analysis, 1985: repeated significance tests).
 */
function independentLooks(looks: number, standardErrors: number): number {
  let worth = 0;
  for (let k = 1; k <= looks; k++) worth += Math.min(1, (standardErrors ** 2 / 2) * Math.log((k + 1) / k));
  return worth;
}

function quantile(tail: number): number {
  return -jStat.normal.inv(tail, 0, 1);
}
