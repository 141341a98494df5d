import { oneSet, type RowSet } from '@blockpruner/perplexity';
import {
  readArray,
  readInteger,
  readNumber,
  readObject,
  readString,
  unfit,
  type Fields,
} from './json-fields.ts';

/** One of several calibration sets of a run. */
export interface ConfigSet extends RowSet {
  /** SHA-256 over its rows. */
  readonly contentHash: string;
}

/** How the rows of a run are parted: calibration sets first, held-out rows behind them. */
export interface RowParts {
  /** Where there are several calibration sets: each one's rows, one set after the other. */
  readonly sets?: readonly ConfigSet[];
  /** How many rows at the end are scored for a report and decide nothing; absent: none. */
  readonly heldOutRowCount?: number;
  /** SHA-256 over the held-out rows, where there are any. */
  readonly heldOutHash?: string;
}

/** The lengths of all rows of a run, and how they are parted. */
type PartedRows = RowParts & { readonly rowTokens: readonly number[] };

/** Weights are the quotients of what was given, whose sum has an error of rounding. */
const WEIGHT_TOLERANCE = 1e-9;

/** The calibration sets of a run, one of all calibration rows where it names none. */
export function rowSetsOf(config: PartedRows): readonly RowSet[] {
  return config.sets ?? oneSet(calibrationRowCount(config));
}

/** How many of a run's rows its scores are a mean over. */
export function calibrationRowCount({ rowTokens, heldOutRowCount = 0 }: PartedRows): number {
  return rowTokens.length - heldOutRowCount;
}

/**
 * Reads those fields of a config that say how its rows are parted; absent ones stay absent.
 * @param rowCount of all rows
 * @throws RangeError naming the field that does not fit
 */
export function readRowParts({ sets, heldOutRowCount, heldOutHash }: Fields, rowCount: number): RowParts {
  const heldOut =
    heldOutRowCount === undefined
      ? 0
      : readInteger(heldOutRowCount, 'config.heldOutRowCount', 1, rowCount - 1);
  return {
    ...(sets !== undefined && { sets: readSets(sets, rowCount - heldOut) }),
    ...(heldOut > 0 && {
      heldOutRowCount: heldOut,
      heldOutHash: readString(heldOutHash, 'config.heldOutHash'),
    }),
  };
}

function readSets(value: unknown, rowCount: number): ConfigSet[] {
  const sets = readArray(value, 'config.sets').map((entry, i) => {
    const name = `config.sets[${i}]`;
    const fields = readObject(entry, name);
    const weight = readNumber(fields.weight, `${name}.weight`);
    if (!(weight > 0 && weight <= 1)) throw unfit(`${name}.weight`, weight, 'a number above 0, at most 1');
    return {
      rowCount: readInteger(fields.rowCount, `${name}.rowCount`, 1, rowCount),
      weight,
      contentHash: readString(fields.contentHash, `${name}.contentHash`),
    };
  });
  const total = (of: (set: ConfigSet) => number): number => sets.reduce((sum, set) => sum + of(set), 0);
  const rows = total((set) => set.rowCount);
  if (rows !== rowCount) throw unfit('rows of config.sets', rows, `${rowCount}, as many as config.rowTokens`);
  const weight = total((set) => set.weight);
  if (Math.abs(weight - 1) > WEIGHT_TOLERANCE) throw unfit('weights of config.sets', weight, 'a sum of 1');
  return sets;
}
