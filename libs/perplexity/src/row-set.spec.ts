import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneSet, weighSets } from './row-set.ts';
import { scoreOf, setScores } from './score.ts';

const nats = fc.double({ min: 0, max: 30, noNaN: true });
const weight = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const rowsOfSet = fc.array(nats, { minLength: 1, maxLength: 5 });
const weighedSets = fc.array(fc.record({ rows: rowsOfSet, weight }), { minLength: 1, maxLength: 5 });

describe('weighSets', () => {
  it('makes weights add up to 1 and keeps their proportions', () => {
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 8 }), (weights) => {
        const sets = weighSets(
          weights.map(() => 2),
          weights,
        );
        expect(sets.reduce((sum, set) => sum + set.weight, 0)).toBeCloseTo(1, 12);
        for (const [i, set] of sets.entries()) {
          expect(set.weight).toBeGreaterThan(0);
          expect((set.weight * weights[0]) / (sets[0].weight * weights[i])).toBeCloseTo(1, 9);
        }
      }),
    );
  });

  it('counts every set the same where no weights are given, however many rows it has', () => {
    expect(weighSets([9, 1], null)).toEqual([
      { rowCount: 9, weight: 0.5 },
      { rowCount: 1, weight: 0.5 },
    ]);
  });

  it('gives one set the weight 1, whatever its weight was', () => {
    fc.assert(
      fc.property(weight, (given) => {
        expect(weighSets([3], [given])).toEqual(oneSet(3));
      }),
    );
  });
});

describe('a score', () => {
  it('is the same to the last bit for one set as without sets', () => {
    fc.assert(
      fc.property(fc.array(nats, { minLength: 1 }), (rows) => {
        const mean = rows.reduce((sum, row) => sum + row, 0) / rows.length;
        expect(scoreOf(rows)).toBe(mean);
        expect(scoreOf(rows, weighSets([rows.length], null))).toBe(mean);
      }),
    );
  });

  it('is the weighted mean of the scores that the sets have alone', () => {
    fc.assert(
      fc.property(weighedSets, (weighed) => {
        const sets = weighed.map(({ rows }) => rows);
        const rowSets = weighSets(
          sets.map((rows) => rows.length),
          weighed.map((set) => set.weight),
        );
        const alone = sets.map((rows) => scoreOf(rows));
        const all = [...sets.flat(), NaN]; // a row behind the sets is no part of it
        expect(setScores(all, rowSets)).toEqual(alone);
        expect(scoreOf(all, rowSets)).toBeCloseTo(
          alone.reduce((sum, score, i) => sum + rowSets[i].weight * score, 0),
          12,
        );
      }),
    );
  });
});
