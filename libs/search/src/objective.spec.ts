import type { ModelShape } from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparison, rankedValue } from './objective.ts';

const shape = { mhaParameters: 1_000_000, mlpParameters: 4_000_000 } as ModelShape;

describe('rankedValue', () => {
  it('is the score, or by how much it rises for a million parameters that go', () => {
    expect(rankedValue({ shape }, 0, 3, 2)).toBe(3);
    expect(rankedValue({ shape, objective: 'score' }, 1, 3, 2)).toBe(3);
    expect(rankedValue({ shape, objective: 'score-per-param' }, 0, 3, 2)).toBe(1);
    expect(rankedValue({ shape, objective: 'score-per-param' }, 1, 3, 2)).toBe(0.25);
  });
});

describe('the noise of a comparison', () => {
  it('covers what errors in three scores do to the difference of two values', () => {
    const nats = fc.double({ min: 1, max: 5, noNaN: true });
    const error = fc.double({ min: 0, max: 0.1, noNaN: true });
    fc.assert(
      fc.property(
        nats,
        nats,
        nats,
        error,
        error,
        error,
        fc.nat(3),
        fc.nat(3),
        (a, b, now, ea, eb, en, i, j) => {
          const candidate = (block: number, score: number) => ({ block, score, rowCount: 1 });
          const problem = { shape, objective: 'score-per-param' } as const;
          const right = comparison(problem, now);
          const wrong = comparison(problem, now + en);
          const moved =
            wrong.valueOf(candidate(i, a + ea)) -
            wrong.valueOf(candidate(j, b + eb)) -
            (right.valueOf(candidate(i, a)) - right.valueOf(candidate(j, b)));
          // Errors between 0 and 0.1 move the difference of any two scores by 0.1 at most.
          expect(Math.abs(moved)).toBeLessThanOrEqual(right.noiseOf(i, j, 0.1) + 1e-9);
        },
      ),
    );
  });
});
