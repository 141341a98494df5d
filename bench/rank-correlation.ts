/**
 * Spearman's rank correlation: Pearson's of the ranks, ties sharing the mean of theirs. 1: the same order.
 * @throws RangeError when the lists are not of one length, or shorter than 2
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length < 2) {
    throw new RangeError(`a rank correlation takes two lists of one length, got ${a.length} and ${b.length}`);
  }
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  const product = (left: number[], right: number[]): number =>
    left.reduce((sum, rank, i) => sum + (rank - mean) * (right[i] - mean), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

function ranks(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
}
