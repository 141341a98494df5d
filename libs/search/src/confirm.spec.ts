import { compareTie, type ModelShape } from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeCandidates, confirmDecision } from './confirm.ts';
import { decide } from './decide.ts';
import { comparison } from './objective.ts';
import { SearchError } from './search-error.ts';
import type { CandidateScore } from './strategy.ts';

const scoreOf = (block: number, score: number): CandidateScore => ({ block, score, rowCount: 2 });
const CANDIDATES = [scoreOf(0, 2.5), scoreOf(1, 2), scoreOf(2, 2.125), scoreOf(3, NaN), scoreOf(4, 2.25)];

/** Few values, so that ties are common; some not finite, but never all. */
const scores = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }).map((eighths) => 2 + eighths / 8) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
    ),
    { minLength: 1, maxLength: 12 },
  )
  .filter((values) => values.some(Number.isFinite))
  .map((values) => values.map((score, i) => scoreOf(2 * i + (i % 2), score)));
const noise = fc.integer({ min: 0, max: 8 }).map((sixteenths) => sixteenths / 16);

/** A decision, noise, and fp32 scores of its close candidates in some order. */
const confirmations = fc
  .record({ candidates: scores, noiseNats: noise })
  .map(({ candidates, noiseNats }) => ({ decision: decide(1, candidates), noiseNats }))
  .chain(({ decision, noiseNats }) => {
    const close = closeCandidates(decision, noiseNats);
    return fc.record({
      decision: fc.constant(decision),
      noiseNats: fc.constant(noiseNats),
      inFp32: fc
        .array(fc.integer({ min: 0, max: 6 }), { minLength: close.length, maxLength: close.length })
        .map((values) => close.map((block, i) => scoreOf(block, 2 + values[i] / 16))),
    });
  });

describe('the close candidates', () => {
  it('are those less than the noise behind the winner, never one without a score', () => {
    const decision = decide(1, CANDIDATES);
    expect(closeCandidates(decision, 0)).toEqual([1]);
    expect(closeCandidates(decision, 0.125)).toEqual([1]);
    expect(closeCandidates(decision, 0.126)).toEqual([1, 2]);
    expect(closeCandidates(decision, 9)).toEqual([0, 1, 2, 4]);
  });

  it('are several exactly where the margin is below the noise', () => {
    fc.assert(
      fc.property(confirmations, ({ decision, noiseNats }) => {
        const isBelow = decision.margin !== null && decision.margin < noiseNats;
        expect(closeCandidates(decision, noiseNats).length > 1).toBe(isBelow);
      }),
    );
  });
});

describe('a confirmed decision', () => {
  it('is by the fp32 scores, and keeps the score in the dtype of the run', () => {
    const decision = decide(4, CANDIDATES);
    const inFp32 = [scoreOf(1, 2.0625), scoreOf(2, 2.03125)];
    expect(confirmDecision(decision, 0.2, inFp32)).toEqual({
      iteration: 4,
      removed: 2,
      score: 2.125,
      perplexity: Math.exp(2.125),
      runnerUp: 1,
      margin: 0.03125,
      candidates: CANDIDATES,
    });
  });

  it('goes by the rule of the paper where fp32 scores tie: mha before mlp, lower layers first', () => {
    const decision = decide(1, CANDIDATES);
    const inFp32 = closeCandidates(decision, 9).map((block) => scoreOf(block, 2));
    expect(confirmDecision(decision, 9, inFp32)).toMatchObject({ removed: 0, runnerUp: 2, margin: 0 });
  });

  it('is the decision itself where there is no noise', () => {
    fc.assert(
      fc.property(scores, (candidates) => {
        const decision = decide(1, candidates);
        const inFp32 = closeCandidates(decision, 0).map((block) => scoreOf(block, 3));
        expect(confirmDecision(decision, 0, inFp32)).toEqual(decision);
      }),
    );
  });

  it('removes the best close candidate in fp32, whatever the order in which the scores came', () => {
    fc.assert(
      fc.property(
        confirmations,
        fc.array(fc.nat(), { minLength: 12 }),
        ({ decision, noiseNats, inFp32 }, keys) => {
          const confirmed = confirmDecision(decision, noiseNats, inFp32);
          expect(closeCandidates(decision, noiseNats)).toContain(confirmed.removed);
          const best = inFp32.find(({ block }) => block === confirmed.removed)!;
          for (const { block, score } of inFp32) {
            expect(score).toBeGreaterThanOrEqual(best.score);
            if (score === best.score) expect(compareTie(best.block, block)).toBeLessThanOrEqual(0);
          }
          const shuffled = [...inFp32.keys()].sort((a, b) => keys[a] - keys[b]).map((i) => inFp32[i]);
          expect(confirmDecision(decision, noiseNats, shuffled)).toEqual(confirmed);
        },
      ),
    );
  });

  it('equals the decision of an fp32 run where every candidate is close', () => {
    fc.assert(
      fc.property(confirmations, ({ decision, inFp32 }) => {
        const all = inFp32.length === decision.candidates.length;
        if (!all) return;
        const { removed, runnerUp, margin } = decide(1, inFp32);
        expect(confirmDecision(decision, 9, inFp32)).toMatchObject({ removed, runnerUp, margin });
      }),
    );
  });

  it('needs the fp32 score of each close candidate, and of no other', () => {
    const decision = decide(1, CANDIDATES);
    for (const blocks of [[1], [1, 2, 4], [1, 4], []]) {
      const inFp32 = blocks.map((block) => scoreOf(block, 2));
      expect(() => confirmDecision(decision, 0.2, inFp32)).toThrow(RangeError);
    }
  });

  it('fails as any decision does when no fp32 score is finite', () => {
    const inFp32 = [scoreOf(1, NaN), scoreOf(2, Infinity)];
    expect(() => confirmDecision(decide(1, CANDIDATES), 0.2, inFp32)).toThrow(SearchError);
  });

  it('goes by the objective, with the noise that its numbers have', () => {
    const shape = { mhaParameters: 1e6, mlpParameters: 4e6 } as ModelShape;
    const by = comparison({ shape, objective: 'score-per-param' }, 1.5);
    const decision = decide(1, CANDIDATES, by);
    // Per million parameters: 1, 0.125, 0.625, NaN, 0.75. Noise of two blocks is that over the smaller one.
    expect(decision).toMatchObject({ removed: 1, runnerUp: 2, margin: 0.5, score: 2 });
    expect(closeCandidates(decision, 0.5, by)).toEqual([1]);
    expect(closeCandidates(decision, 0.6, by)).toEqual([1, 2]);
    const byInFp32 = comparison({ shape, objective: 'score-per-param' }, 1.25);
    const inFp32 = [scoreOf(1, 2.25), scoreOf(2, 1.375)]; // 0.25 and 0.125 per million
    expect(confirmDecision(decision, 0.6, inFp32, by, byInFp32)).toMatchObject({
      removed: 2,
      runnerUp: 1,
      margin: 0.125,
      score: 2.125,
    });
  });
});
