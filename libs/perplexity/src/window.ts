/** Consecutive targets whose negative log-likelihoods are reported as one sum; a row's last window may be shorter. */
export const WINDOW_TARGETS = 16;

/** Next-token targets of a row: every token but the first. */
export function targetCount(rowTokens: number): number {
  return rowTokens - 1;
}

export function windowCount(rowTokens: number): number {
  return Math.ceil(targetCount(rowTokens) / WINDOW_TARGETS);
}

/**
 * Sums per-token negative log-likelihoods (nats, fp32) over windows, in float64 and in token order.
 * @param nll the targets of one row
 */
export function windowSums(nll: Float32Array): Float64Array {
  const sums = new Float64Array(Math.ceil(nll.length / WINDOW_TARGETS));
  for (let i = 0; i < nll.length; i++) sums[Math.floor(i / WINDOW_TARGETS)] += nll[i];
  return sums;
}

/** A row's mean negative log-likelihood in nats, from its window sums in window order. */
export function rowMeanNats(sums: Float64Array, targets: number): number {
  let total = 0;
  for (const sum of sums) total += sum;
  return total / targets;
}
