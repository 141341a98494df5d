import { blocksOfType, makeMask, type ModelShape } from '@blockpruner/blocks';
import { remainingFlops, type SearchProblem } from '@blockpruner/search';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pace, speedOf } from './pace.ts';

const SHAPE: ModelShape = {
  layerCount: 4,
  hiddenSize: 32,
  intermediateSize: 96,
  headCount: 4,
  kvHeadCount: 2,
  headSize: 8,
  vocabSize: 128,
  mhaParameters: 3000,
  mlpParameters: 9000,
  totalParameters: 52_000,
};
const ROW_TOKENS = [17, 33];
const FLOPS_PER_SECOND = 1e6;
/** Parts of an iteration's work after which the live line is drawn. */
const PARTS = [0.1, 0.35, 0.8, 1];

const sumOf = (flops: readonly number[]): number => flops.reduce((sum, each) => sum + each, 0);

function expectToFall(seconds: readonly number[]): void {
  seconds.slice(1).forEach((each, i) => expect(each).toBeLessThan(seconds[i]));
}

describe('the pace of a search', () => {
  it('gives a time left that falls inside an iteration and from one to the next, to nothing, while the speed is constant', () => {
    const searches = fc.constantFrom('mix' as const, 'mha' as const, 'mlp' as const).chain((blockType) => {
      const blocks = blocksOfType(blockType, SHAPE.layerCount);
      const share = { mix: 48_000, mha: 12_000, mlp: 36_000 }[blockType] / SHAPE.totalParameters;
      return fc.record({
        blockType: fc.constant(blockType),
        stop: fc.oneof(
          fc.record({
            kind: fc.constant('remove' as const),
            count: fc.integer({ min: 1, max: blocks.length }),
          }),
          fc.record({
            kind: fc.constant('ratio' as const),
            ratio: fc.double({ min: 0.01, max: 0.99 * share, noNaN: true }),
          }),
        ),
        order: fc.shuffledSubarray(blocks, { minLength: blocks.length }),
      });
    });
    fc.assert(
      fc.property(searches, ({ order, ...asked }) => {
        const problem: SearchProblem = { shape: SHAPE, ...asked };
        const pace = new Pace();
        const afterDecisions: number[] = [];
        for (let gone = 0; ; gone++) {
          const left = remainingFlops(problem, makeMask(order.slice(0, gone)), ROW_TOKENS);
          if (gone > 0) afterDecisions.push(pace.secondsFor(sumOf(left)) ?? NaN);
          if (left.length === 0) break;
          const [now, ...later] = left;
          const inside = PARTS.map((part) => {
            const since = { flops: part * now, seconds: (part * now) / FLOPS_PER_SECOND };
            return pace.secondsFor((1 - part) * now + sumOf(later), since) ?? NaN;
          });
          expectToFall(inside);
          expect(inside.at(-1)).toBeCloseTo(sumOf(later) / FLOPS_PER_SECOND, 6);
          pace.worked({ flops: now, seconds: now / FLOPS_PER_SECOND });
        }
        expectToFall(afterDecisions);
        expect(afterDecisions.at(-1)).toBe(0);
      }),
    );
  });

  it('knows no time before anything was done, and none left when nothing is', () => {
    const pace = new Pace();
    expect(pace.secondsFor(5)).toBeNull();
    expect(pace.secondsFor(5, { flops: 0, seconds: 3 })).toBeNull();
    expect(pace.secondsFor(0)).toBe(0);
  });

  it('goes by the mean over all that was done', () => {
    const pace = new Pace();
    pace.worked({ flops: 100, seconds: 10 });
    expect(pace.secondsFor(40)).toBe(4);
    expect(pace.secondsFor(40, { flops: 100, seconds: 30 })).toBe(8);
  });
});

describe('the speed of an iteration', () => {
  it('is FLOPs over seconds, and in per cent of the peaks of its workers', () => {
    expect(speedOf({ flops: 6e11, seconds: 2 }, [4e11, 6e11])).toEqual({
      flopsPerSecond: 3e11,
      mfuPercent: 30,
    });
  });

  it('is no share of a peak that a worker has not measured, or where none took part', () => {
    expect(speedOf({ flops: 6e11, seconds: 2 }, [4e11, 0])).toEqual({
      flopsPerSecond: 3e11,
      mfuPercent: null,
    });
    expect(speedOf({ flops: 0, seconds: 2 }, [])).toEqual({ flopsPerSecond: 0, mfuPercent: null });
  });
});
