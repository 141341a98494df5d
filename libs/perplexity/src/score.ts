/** A model's score on the calibration rows. */
export interface Score {
  /** Mean over rows of the row's mean next-token negative log-likelihood, nats. */
  readonly score: number;
  /** `exp(score)`. */
  readonly perplexity: number;
  /** Mean negative log-likelihood of each row, nats, in row order. */
  readonly rows: readonly number[];
}

/** Mean of row means, summed in row order. */
export function scoreOf(rowMeans: readonly number[]): number {
  let total = 0;
  for (const mean of rowMeans) total += mean;
  return total / rowMeans.length;
}

export function perplexityOf(score: number): number {
  return Math.exp(score);
}
