import {
  blocksOfType,
  DENSE,
  makeMask,
  removedParameters,
  sweepFlops,
  type BlockIndex,
  type Mask,
  type ModelShape,
  type StopRule,
} from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedEvaluations } from './expected-evaluations.ts';
import { expectedFlops, remainingFlops } from './expected-flops.ts';
import { candidatesOf, startOf } from './iteration.ts';
import { isSolved, type SearchProblem } from './problem.ts';

const ROW_TOKENS = [17, 33, 33];
const SHAPE: ModelShape = {
  layerCount: 3,
  hiddenSize: 32,
  intermediateSize: 96,
  headCount: 4,
  kvHeadCount: 2,
  headSize: 8,
  vocabSize: 128,
  mhaParameters: 3000,
  mlpParameters: 9000,
  totalParameters: 40_000,
};

const problems: fc.Arbitrary<SearchProblem> = fc
  .record({
    layerCount: fc.integer({ min: 1, max: 4 }),
    intermediateSize: fc.integer({ min: 1, max: 400 }),
    vocabSize: fc.integer({ min: 1, max: 1000 }),
    mhaParameters: fc.integer({ min: 1, max: 1000 }),
    mlpParameters: fc.integer({ min: 1, max: 1000 }),
    blockType: fc.constantFrom('mix' as const, 'mha' as const, 'mlp' as const),
    part: fc.double({ min: 0.01, max: 1, noNaN: true }),
    kind: fc.constantFrom('remove' as const, 'ratio' as const, 'target-params' as const, 'all' as const),
    kept: fc.option(fc.nat(1)),
    started: fc.option(fc.integer({ min: 2, max: 3 })),
  })
  .map(({ blockType, part, kind, kept, started, ...sizes }) => {
    const { layerCount, mhaParameters, mlpParameters } = sizes;
    const totalParameters = layerCount * (mhaParameters + mlpParameters) + 500;
    const shape = { ...SHAPE, ...sizes, totalParameters };
    // At least the second layer is free, so that there is a candidate of every type.
    const keep = kept === null || layerCount < 2 ? undefined : [kept];
    const start = started === null || layerCount < 3 ? undefined : [started];
    const unbounded: SearchProblem = { shape, blockType, keep, start, stop: { kind: 'all' } };
    const candidates = candidatesOf(unbounded, startOf(unbounded));
    const removable = 0.99 * part * removedParameters(shape, candidates);
    const gone = removable + removedParameters(shape, startOf(unbounded));
    const stop: StopRule = {
      remove: { kind: 'remove' as const, count: Math.ceil(part * candidates.length) },
      ratio: { kind: 'ratio' as const, ratio: gone / totalParameters },
      'target-params': { kind: 'target-params' as const, parameters: Math.floor(totalParameters - gone) },
      all: { kind: 'all' as const },
    }[kind];
    return { ...unbounded, stop };
  });

/** A problem and the blocks that may go, in an order in which they may go. */
const removals = problems.chain((problem) => {
  const blocks = candidatesOf(problem, startOf(problem));
  return fc.record({
    problem: fc.constant(problem),
    order: fc.shuffledSubarray(blocks, { minLength: blocks.length }),
  });
});

/** What the sweeps of an iteration cost, counted one by one. */
function iterationFlops(problem: SearchProblem, base: Mask): number {
  const start = startOf(problem);
  const isFirst = base.length === start.length;
  const sweeps = [{ base, candidates: candidatesOf(problem, base), baseline: isFirst }];
  if (isFirst && start.length > 0) sweeps.push({ base: [...DENSE], candidates: [], baseline: true });
  return sumOf(
    sweeps.flatMap((sweep) => ROW_TOKENS.map((tokens) => sweepFlops(problem.shape, sweep, tokens))),
  );
}

/** The mask once so many blocks of an order have gone. */
const maskAfter = (problem: SearchProblem, order: readonly BlockIndex[], count: number): Mask =>
  makeMask([...startOf(problem), ...order.slice(0, count)]);

/** The masks of the iterations of a search that removes blocks in this order. */
function masksOf(problem: SearchProblem, order: readonly BlockIndex[]): Mask[] {
  const count = order.findIndex((_, i) => isSolved(problem, maskAfter(problem, order, i)));
  return order.slice(0, count < 0 ? order.length : count).map((_, i) => maskAfter(problem, order, i));
}

const sumOf = (flops: readonly number[]): number => flops.reduce((sum, each) => sum + each, 0);

describe('the FLOPs that are left', () => {
  it('are those of the sweep for the next iteration, and none when the search is done', () => {
    fc.assert(
      fc.property(removals, ({ problem, order }) => {
        const masks = masksOf(problem, order);
        for (const mask of masks) {
          const exact = iterationFlops(problem, mask);
          expect(remainingFlops(problem, mask, ROW_TOKENS)[0] / exact).toBeCloseTo(1, 9);
        }
        expect(remainingFlops(problem, maskAfter(problem, order, masks.length), ROW_TOKENS)).toEqual([]);
      }),
    );
  });

  it('are as many iterations as are left for a count of removals', () => {
    fc.assert(
      fc.property(removals, ({ problem, order }) => {
        fc.pre(problem.stop.kind === 'remove');
        const masks = masksOf(problem, order);
        masks.forEach((mask, i) => {
          expect(remainingFlops(problem, mask, ROW_TOKENS)).toHaveLength(masks.length - i);
        });
      }),
    );
  });

  it('of later iterations are the mean over the blocks that may be gone', () => {
    const three: SearchProblem = { shape: SHAPE, blockType: 'mix', stop: { kind: 'remove', count: 3 } };
    const blocks = blocksOfType('mix', 3);
    const pairs = blocks.flatMap((a) => blocks.filter((b) => b > a).map((b) => [a, b]));
    const meanOf = (masks: readonly Mask[]): number =>
      sumOf(masks.map((mask) => iterationFlops(three, mask))) / masks.length;
    const [, second, third] = remainingFlops(three, DENSE, ROW_TOKENS);
    // The walk to the last candidate ends one block earlier where the last one has gone, which is neglected.
    expect(second / meanOf(blocks.map((block) => [block]))).toBeCloseTo(1, 2);
    expect(third / meanOf(pairs)).toBeCloseTo(1, 2);
  });

  it('only fall as blocks go, whichever go', () => {
    fc.assert(
      fc.property(removals, ({ problem, order }) => {
        const left = order.map((_, i) =>
          sumOf(remainingFlops(problem, maskAfter(problem, order, i), ROW_TOKENS)),
        );
        left.slice(1).forEach((flops, i) => expect(flops).toBeLessThanOrEqual(left[i] * (1 + 1e-12)));
      }),
    );
  });
});

describe('the FLOPs of a whole search', () => {
  it('lie within their bounds, whichever blocks go', () => {
    fc.assert(
      fc.property(removals, ({ problem, order }) => {
        const { least, most } = expectedFlops(problem, ROW_TOKENS);
        const flops = sumOf(masksOf(problem, order).map((mask) => iterationFlops(problem, mask)));
        expect(flops).toBeGreaterThanOrEqual(least * (1 - 1e-12));
        expect(flops).toBeLessThanOrEqual(most * (1 + 1e-12));
      }),
      { numRuns: 500 },
    );
  });

  it('have bounds that are reached by the cheapest and the dearest first removal', () => {
    fc.assert(
      fc.property(problems, (given) => {
        const problem: SearchProblem = { ...given, stop: { kind: 'remove', count: 2 } };
        const blocks = candidatesOf(problem, startOf(problem));
        fc.pre(blocks.length > 1);
        const second = blocks.map((block) => iterationFlops(problem, maskAfter(problem, [block], 1)));
        const first = iterationFlops(problem, startOf(problem));
        const { least, most } = expectedFlops(problem, ROW_TOKENS);
        expect(least / (first + Math.min(...second))).toBeCloseTo(1, 9);
        expect(most / (first + Math.max(...second))).toBeCloseTo(1, 9);
      }),
    );
  });

  it('are those of the first iteration where one removal is enough', () => {
    fc.assert(
      fc.property(problems, (given) => {
        const problem: SearchProblem = { ...given, stop: { kind: 'remove', count: 1 } };
        expect(expectedEvaluations(problem).iterations.most).toBe(1);
        const { least, most } = expectedFlops(problem, ROW_TOKENS);
        expect(least).toBe(most);
        expect(most / iterationFlops(problem, startOf(problem))).toBeCloseTo(1, 9);
      }),
    );
  });
});
