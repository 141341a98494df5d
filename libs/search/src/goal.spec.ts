import type { StopRule } from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endingOf, isBeyondLimit, limitPerplexity, meetsGoal, type NextStep, type Size } from './goal.ts';

const size = (decisions: number): Size => ({
  decisions,
  ratio: decisions / 10,
  parametersLeft: 1000 - 100 * decisions,
  candidatesLeft: 4 - decisions,
});
const SIZES = [0, 1, 2, 3].map(size);
const STEPS: NextStep[] = [
  { removed: 5, perplexity: 10.5 },
  { removed: 1, perplexity: 13 },
  { removed: 2, perplexity: 12 },
];
const DENSE_PERPLEXITY = 10;
const ending = (stop: StopRule, steps = STEPS) => endingOf(stop, SIZES, steps, DENSE_PERPLEXITY);

describe('a goal', () => {
  it.each<[StopRule, number]>([
    [{ kind: 'remove', count: 2 }, 2],
    [{ kind: 'ratio', ratio: 0.2 }, 2],
    [{ kind: 'ratio', ratio: 0.21 }, 3],
    [{ kind: 'target-params', parameters: 800 }, 2],
    [{ kind: 'target-params', parameters: 799 }, 3],
    [{ kind: 'all' }, 4],
  ])('%o is met after %i decisions, not before', (stop, decisions) => {
    expect(meetsGoal(stop, size(decisions))).toBe(true);
    expect(meetsGoal(stop, size(decisions - 1))).toBe(false);
  });
});

describe('a limit', () => {
  it('is a perplexity, or a share of the dense one on top of it; the limit itself is allowed', () => {
    expect(limitPerplexity({ kind: 'perplexity', perplexity: 12 }, DENSE_PERPLEXITY)).toBe(12);
    expect(limitPerplexity({ kind: 'increase', increase: 0.25 }, DENSE_PERPLEXITY)).toBe(12.5);
    const stop: StopRule = { kind: 'all', limit: { kind: 'increase', increase: 0.25 } };
    expect(isBeyondLimit(stop, 12.5, DENSE_PERPLEXITY)).toBe(false);
    expect(isBeyondLimit(stop, 12.51, DENSE_PERPLEXITY)).toBe(true);
    expect(isBeyondLimit({ kind: 'all' }, Infinity, DENSE_PERPLEXITY)).toBe(false);
  });
});

describe('endingOf', () => {
  it('is where the goal is met or in front of the first decision beyond the limit, whichever comes first', () => {
    const limit = { kind: 'perplexity', perplexity: 12.5 } as const;
    expect(ending({ kind: 'remove', count: 1, limit })).toEqual({ decisions: 1, reason: 'goal' });
    expect(ending({ kind: 'remove', count: 3, limit })).toEqual({
      decisions: 1,
      reason: 'limit',
      next: STEPS[1],
    });
    expect(ending({ kind: 'remove', count: 3 })).toEqual({ decisions: 3, reason: 'goal' });
  });

  it('may be before the first decision', () => {
    const stop: StopRule = { kind: 'all', limit: { kind: 'increase', increase: 0 } };
    expect(ending(stop)).toMatchObject({ decisions: 0, reason: 'limit' });
  });

  it('is not known where the decisions do not go so far, unless it is known what the next one would have led to', () => {
    expect(ending({ kind: 'remove', count: 4 })).toBeUndefined();
    const stop: StopRule = { kind: 'all', limit: { kind: 'perplexity', perplexity: 20 } };
    expect(ending(stop)).toBeUndefined();
    const next = { removed: 3, perplexity: 30 };
    expect(ending(stop, [...STEPS, next])).toEqual({ decisions: 3, reason: 'limit', next });
  });

  it('is never later for a tighter limit', () => {
    const steps = fc.array(fc.integer({ min: 10, max: 20 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 9, max: 21 }), fc.nat(5), (perplexities, perplexity, more) => {
        const path = perplexities.map((each, removed) => ({ removed, perplexity: each }));
        const at = (limit: number): number =>
          ending({ kind: 'all', limit: { kind: 'perplexity', perplexity: limit } }, path)?.decisions ?? 3;
        expect(at(perplexity)).toBeLessThanOrEqual(at(perplexity + more));
        expect(perplexities.slice(0, at(perplexity)).every((each) => each <= perplexity)).toBe(true);
      }),
    );
  });
});
