import { compareTie, type BlockIndex } from '@blockpruner/blocks';
import {
  differenceOf,
  meanDifference,
  meanOf,
  type RowWindows,
  type SamplePlan,
} from '@blockpruner/perplexity';
import type { Drop } from './strategy.ts';

/**
 * The windows of candidates on the rows looked at so far, in the plan's order; under the objective `score-per-param` what
 * each costs in score there, per million parameters.
 */
export interface Sight {
  readonly plan: SamplePlan;
  readonly rowCount: number;
  readonly windowsOf: (block: BlockIndex) => readonly RowWindows[];
  /** The same of an earlier iteration, on more rows; null where there is none that has both candidates. */
  readonly pastOf: (a: BlockIndex, b: BlockIndex) => PastPair | null;
}

/** Windows of two candidates in an earlier iteration. */
export interface PastPair {
  readonly a: readonly RowWindows[];
  readonly b: readonly RowWindows[];
}

/** Before rows have told how far they lie apart, windows of a row are taken to be correlated as much as they were often found. */
const PRIOR_INFLATION = 1.5;
/** How many rows that is worth. */
const PRIOR_ROWS = 8;

/**
 * One look of a race: who leads on the rows so far, and who is behind by so many standard errors that all rows would
 * hardly put it in front. The standard error comes from windows, inflated by what the rows so far say of the
 * correlation of windows in a row, over all candidates together.
 * @param alive candidates still in the race
 * @returns those dropped at this look
 */
export function look(
  alive: readonly BlockIndex[],
  sight: Sight,
  standardErrors: number,
): Map<BlockIndex, Drop> {
  const scores = new Map(alive.map((block) => [block, partialScore(sight, block)]));
  const dropped = new Map<BlockIndex, Drop>();
  const finite = alive.filter((block) => Number.isFinite(scores.get(block)));
  const [leader] = finite.toSorted((a, b) => scores.get(a)! - scores.get(b)! || compareTie(a, b));
  if (leader === undefined) return dropped;
  const others = finite.filter((block) => block !== leader);
  const estimates = others.map((block) => differenceTo(leader, block, sight));
  const inflation = inflationOf(estimates, sight);
  estimates.forEach(({ nats, variance }, i) => {
    const standardError = Math.sqrt(inflation * variance);
    if (nats > standardErrors * standardError)
      dropped.set(others[i], { leader, difference: nats, standardError });
  });
  for (const block of alive) {
    if (!finite.includes(block)) dropped.set(block, { leader, difference: NaN, standardError: 0 });
  }
  return dropped;
}

/** Mean over the rows so far: the sets weigh as they do in a score. */
export function partialScore(
  { plan, rowCount, windowsOf }: Omit<Sight, 'pastOf'>,
  block: BlockIndex,
): number {
  const totals = plan.sets.map(() => ({ sum: 0, rows: 0 }));
  windowsOf(block).forEach((windows, place) => {
    if (place >= rowCount) return;
    const total = totals[plan.order[place].set];
    total.sum += meanOf(windows);
    total.rows++;
  });
  return plan.sets.reduce(
    (score, { weight }, set) => score + (weight * totals[set].sum) / totals[set].rows,
    0,
  );
}

function differenceTo(leader: BlockIndex, block: BlockIndex, { plan, rowCount, windowsOf, pastOf }: Sight) {
  const past = pastOf(block, leader);
  return meanDifference(
    plan,
    differenceOf(windowsOf(block), windowsOf(leader), rowCount),
    past && differenceOf(past.a, past.b, Math.min(past.a.length, past.b.length)),
  );
}

function inflationOf(
  estimates: readonly ReturnType<typeof meanDifference>[],
  { plan, rowCount }: Sight,
): number {
  const sum = estimates.reduce((all, { spread }) => all + spread.sum, 0);
  const degrees = estimates.reduce((all, { spread }) => all + spread.degrees, 0);
  if (degrees === 0) return PRIOR_INFLATION;
  const rows = rowCount - plan.sets.length;
  const inflation = (PRIOR_ROWS * PRIOR_INFLATION + rows * (sum / degrees)) / (PRIOR_ROWS + rows);
  return Math.max(1, inflation);
}
