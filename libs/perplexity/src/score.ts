import { oneSet, type RowSet } from './row-set.ts';

/** A model's score on the calibration rows. */
export interface Score {
  /** Mean over rows of the row's mean next-token negative log-likelihood, nats; of several sets, their weighted mean. */
  readonly score: number;
  /** `exp(score)`. */
  readonly perplexity: number;
  /** Mean negative log-likelihood of each row, nats, in row order. */
  readonly rows: readonly number[];
}

/** Mean of row means, summed in row order; of several sets, the weighted mean of theirs. */
export function scoreOf(
  rowMeans: readonly number[],
  sets: readonly RowSet[] = oneSet(rowMeans.length),
): number {
  return setScores(rowMeans, sets).reduce((score, mean, i) => score + sets[i].weight * mean, 0);
}

/**
 * Mean of the row means of each set, nats, in the order of the sets.
 * @param rowMeans of the rows of all sets, one set after the other; more of them are of no set
 */
export function setScores(rowMeans: readonly number[], sets: readonly RowSet[]): number[] {
  let row = 0;
  return sets.map(({ rowCount }) => {
    let total = 0;
    for (const end = row + rowCount; row < end; row++) total += rowMeans[row];
    return total / rowCount;
  });
}

export function perplexityOf(score: number): number {
  return Math.exp(score);
}
