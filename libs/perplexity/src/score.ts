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
  let score = 0;
  let row = 0;
  for (const { rowCount, weight } of sets) {
    let total = 0;
    for (const end = row + rowCount; row < end; row++) total += rowMeans[row];
    score += weight * (total / rowCount);
  }
  return score;
}

export function perplexityOf(score: number): number {
  return Math.exp(score);
}
