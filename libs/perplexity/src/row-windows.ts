import { targetCount } from './window.ts';

/**
 * The windows of one row, scaled so that their plain mean is the row's mean negative log-likelihood, nats: what the
 * statistics of differences are made of.
 */
export type RowWindows = Float64Array;

/** @param windowSums of one cell, nats */
export function scaleWindows(windowSums: Float64Array, rowTokens: number): RowWindows {
  const scale = windowSums.length / targetCount(rowTokens);
  return windowSums.map((sum) => sum * scale);
}

/** The paired difference `a - b` of two models on the first `rowCount` rows of each, window by window. */
export function differenceOf(
  a: readonly RowWindows[],
  b: readonly RowWindows[],
  rowCount: number,
): RowWindows[] {
  return Array.from({ length: rowCount }, (_, i) => a[i].map((value, window) => value - b[i][window]));
}

export function meanOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total / values.length;
}
