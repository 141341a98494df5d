import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanDifference, type SamplePlan } from './mean-difference.ts';
import { orderRows } from './row-order.ts';
import type { RowSet } from './row-set.ts';
import { differenceOf, meanOf, scaleWindows, type RowWindows } from './row-windows.ts';
import { scoreOf } from './score.ts';
import { rowMeanNats, targetCount, windowCount } from './window.ts';

const planOf = (sets: readonly RowSet[]): SamplePlan => ({ sets, order: orderRows(sets, 1) });
const ONE_SET = planOf([{ rowCount: 24, weight: 1 }]);

/** Normal numbers out of a seed (Box and Muller, mulberry32). */
function normals(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const rowsOf = (count: number, windows: number, value: () => number): RowWindows[] =>
  Array.from({ length: count }, () => Float64Array.from({ length: windows }, value));

/** How often the difference over all rows lies within two standard errors of the estimate from the first ones. */
function coverage(trials: number, seen: number, correlation: number): number {
  let inside = 0;
  for (let trial = 0; trial < trials; trial++) {
    const random = normals(trial);
    const past = rowsOf(24, 16, random);
    const rows = past.map((row) =>
      row.map((x) => 0.3 + correlation * x + Math.sqrt(1 - correlation ** 2) * random()),
    );
    const { nats, variance } = meanDifference(ONE_SET, rows.slice(0, seen), correlation === 0 ? null : past);
    if (Math.abs(nats - meanOf(rows.map(meanOf))) < 2 * Math.sqrt(variance)) inside++;
  }
  return inside / trials;
}

const sample = fc
  .record({
    sets: fc.array(
      fc.record({ rowCount: fc.integer({ min: 1, max: 5 }), weight: fc.integer({ min: 1, max: 4 }) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    tokens: fc.integer({ min: 2, max: 70 }),
    seed: fc.nat(),
  })
  .map(({ sets, tokens, seed }) => {
    const total = sets.reduce((sum, { weight }) => sum + weight, 0);
    const plan = planOf(sets.map(({ rowCount, weight }) => ({ rowCount, weight: weight / total })));
    const random = normals(seed);
    const sums = plan.order.map(() => Float64Array.from({ length: windowCount(tokens) }, random));
    return { plan, tokens, sums };
  });

describe('the mean difference', () => {
  it('is the difference of scores itself, without error, once all rows are known', () => {
    fc.assert(
      fc.property(sample, ({ plan, tokens, sums }) => {
        const rows = sums.map((row) => scaleWindows(row, tokens));
        const means: number[] = [];
        plan.order.forEach(({ row }, place) => (means[row] = rowMeanNats(sums[place], targetCount(tokens))));
        const { nats, variance } = meanDifference(plan, rows, null);
        expect(nats).toBeCloseTo(scoreOf(means, plan.sets), 9);
        if (rows.every(({ length }) => length > 1)) expect(variance).toBe(0);
      }),
    );
  });

  it('has a standard error that tells how far it is off', () => {
    for (const seen of [2, 6, 18]) {
      expect(coverage(2000, seen, 0)).toBeGreaterThan(0.93);
      expect(coverage(2000, seen, 0)).toBeLessThan(0.97);
    }
  });

  it('has one with a control variate too, and a smaller one', () => {
    expect(coverage(2000, 2, 0.95)).toBeGreaterThan(0.92);
    expect(coverage(2000, 2, 0.95)).toBeLessThan(0.97);
    const random = normals(1);
    const past = rowsOf(24, 16, random);
    const rows = past.map((row) => row.map((x) => x + 0.1 * random())).slice(0, 3);
    const without = meanDifference(ONE_SET, rows, null);
    const all = meanDifference(ONE_SET, rows, past);
    const some = meanDifference(ONE_SET, rows, past.slice(0, 8));
    expect(all.variance).toBeLessThan(without.variance / 20);
    expect(some.variance).toBeGreaterThan(all.variance);
    expect(some.variance).toBeLessThan(without.variance);
  });

  it('is exact where the control variate explains everything', () => {
    const past = rowsOf(24, 16, normals(2));
    const rows = past.map((row) => row.map((x) => 2 - 3 * x));
    const { nats, variance } = meanDifference(ONE_SET, rows.slice(0, 2), past);
    expect(nats).toBeCloseTo(meanOf(rows.map(meanOf)), 9);
    expect(variance).toBeCloseTo(0, 12);
  });

  it('sees that windows of a row go together', () => {
    const random = normals(3);
    const independent = meanDifference(ONE_SET, rowsOf(12, 16, random), null);
    const correlated = meanDifference(
      ONE_SET,
      rowsOf(12, 16, random).map((row) => {
        const ofRow = random();
        return row.map((x) => x + ofRow);
      }),
      null,
    );
    expect(independent.spread.degrees).toBe(11);
    expect(independent.spread.sum / independent.spread.degrees).toBeLessThan(2);
    expect(correlated.spread.sum / correlated.spread.degrees).toBeGreaterThan(4);
  });

  it('knows nothing of its error from one window', () => {
    expect(meanDifference(ONE_SET, [Float64Array.of(1)], null)).toMatchObject({
      nats: 1,
      variance: Infinity,
    });
  });
});

describe('a paired difference', () => {
  it('is taken window by window, on the first rows of both', () => {
    const a = [Float64Array.of(3, 4), Float64Array.of(5)];
    const b = [Float64Array.of(1, 1), Float64Array.of(2), Float64Array.of(9)];
    expect(differenceOf(a, b, 2)).toEqual([Float64Array.of(2, 3), Float64Array.of(3)]);
  });
});
