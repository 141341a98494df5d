/** Consecutive rows of a calibration set that count together: a text of its own beside others. */
export interface RowSet {
  readonly rowCount: number;
  /** Share of the score, above 0; those of all sets add up to 1. */
  readonly weight: number;
}

/** All rows as one set. */
export function oneSet(rowCount: number): readonly RowSet[] {
  return [{ rowCount, weight: 1 }];
}

/**
 * Sets one after the other.
 * @param rowCounts of each, at least 1
 * @param weights of each, above 0, in any common unit; null: every set counts the same, however many rows it has
 */
export function weighSets(rowCounts: readonly number[], weights: readonly number[] | null): RowSet[] {
  const given = weights ?? rowCounts.map(() => 1);
  const total = given.reduce((sum, weight) => sum + weight, 0);
  return rowCounts.map((rowCount, i) => ({ rowCount, weight: given[i] / total }));
}

/** Share of the score that each row has, in row order. */
export function rowWeights(sets: readonly RowSet[]): number[] {
  return sets.flatMap(({ rowCount, weight }) => Array<number>(rowCount).fill(weight / rowCount));
}
