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
