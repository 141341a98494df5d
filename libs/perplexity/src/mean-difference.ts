import type { OrderedRow } from './row-order.ts';
import type { RowSet } from './row-set.ts';
import { meanOf, type RowWindows } from './row-windows.ts';
import { momentsOf } from './set-moments.ts';

/** Which rows there are, and in which order they are looked at. */
export interface SamplePlan {
  readonly sets: readonly RowSet[];
  readonly order: readonly OrderedRow[];
}

/** What the first rows say of the difference of two models' scores. */
export interface MeanDifference {
  /** Estimate of the difference over all rows, nats. */
  readonly nats: number;
  /** Of the estimate, nats², as if windows were independent of each other; Infinity where there are too few. */
  readonly variance: number;
  /** How far row means lie apart, over what independent windows would give: `sum / degrees` is 1 for those. */
  readonly spread: { readonly sum: number; readonly degrees: number };
}

/** A regression takes a mean and a slope from the windows. */
const REGRESSION_PARAMETERS = 2;

/**
 * Estimates the difference of two scores over all rows of a finite calibration set from the first of them, stratified by
 * set. Windows tell the variance, since few rows do not; it shrinks with `1/k − 1/n`, and is none once all rows are known.
 * With a control variate, which is known on more rows, only what that leaves unexplained has to be learned from `rows`
 * (Cochran, Sampling Techniques, chapters 5 and 12: stratified and double sampling).
 * @param rows paired differences, in the plan's order
 * @param past differences of the same two candidates on an earlier mask, on the same rows and more of them
 */
export function meanDifference(
  plan: SamplePlan,
  rows: readonly RowWindows[],
  past: readonly RowWindows[] | null,
): MeanDifference {
  const strata = plan.sets.map((of, set) => {
    const y = ofSet(plan, set, rows);
    const known = past && ofSet(plan, set, past);
    return { of, known, moments: momentsOf(y, known?.slice(0, y.length) ?? y) };
  });
  const xx = strata.reduce((sum, { moments }) => sum + moments.xx, 0);
  const slope = past === null || xx === 0 ? 0 : strata.reduce((sum, { moments }) => sum + moments.xy, 0) / xx;
  const rest = ({ yy, xy, xx }: { yy: number; xy: number; xx: number }): number =>
    Math.max(0, yy - 2 * slope * xy + slope * slope * xx);
  let nats = 0;
  let variance = 0;
  const spread = { sum: 0, degrees: 0 };
  for (const { of, known, moments } of strata) {
    const { rowCount, windowCount, perRow, meanY, meanX, yy, between } = moments;
    const [ownDegrees, restDegrees] = [
      windowCount - 1,
      windowCount - (slope === 0 ? 1 : REGRESSION_PARAMETERS),
    ];
    const knownRows = slope === 0 || known === null ? rowCount : known.length;
    nats += of.weight * meanY;
    if (slope !== 0) nats -= of.weight * slope * (meanX - meanOf(known!.map(meanOf)));
    const toKnown = over(rest(moments), restDegrees) * (1 / rowCount - 1 / knownRows);
    const toAll = over(yy, ownDegrees) * (1 / knownRows - 1 / of.rowCount);
    variance += of.weight ** 2 * perRow * (toKnown + toAll);
    if (rowCount < 2 || rest(moments) === 0) continue;
    spread.sum += rest(between) / over(rest(moments), restDegrees);
    spread.degrees += rowCount - 1;
  }
  return { nats, variance: Number.isNaN(variance) ? Infinity : variance, spread };
}

function ofSet({ order }: SamplePlan, set: number, rows: readonly RowWindows[]): RowWindows[] {
  return rows.filter((_, place) => order[place].set === set);
}

/** A variance from a sum of squares; Infinity where it says nothing. */
function over(squares: number, degrees: number): number {
  return degrees > 0 ? squares / degrees : Infinity;
}
