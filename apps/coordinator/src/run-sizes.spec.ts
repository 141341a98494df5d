import { formatBlock, formatMask, makeMask, pruningRatio, removedParameters } from '@blockpruner/blocks';
import type { BlockIndex, ModelShape, StopRule } from '@blockpruner/blocks';
import type { DecisionRecord } from '@blockpruner/journal';
import { isBeyondLimit, limitPerplexity } from '@blockpruner/search';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endingInRun, requireGoingOn, runSizes, type RunSoFar } from './run-sizes.ts';

const SHAPE = {
  layerCount: 3,
  mhaParameters: 100,
  mlpParameters: 300,
  totalParameters: 1501,
} as ModelShape;
const DENSE_PERPLEXITY = 10;

/** Perplexities of a path of removals, each of the model without so many of the order. */
interface Path {
  readonly order: readonly BlockIndex[];
  readonly perplexities: readonly number[];
  readonly start: readonly BlockIndex[];
}

/** What a search with this rule leaves in its folder, going along the path. */
function searched({ order, perplexities, start }: Path, stop: StopRule): RunSoFar {
  const decisions: DecisionRecord[] = [];
  let stopped: RunSoFar['stopped'] = stop.limit && { reason: 'goal' };
  const recordOf = (gone: readonly BlockIndex[]) => {
    const mask = makeMask([...start, ...gone]);
    return { parametersRemoved: removedParameters(SHAPE, mask), ratio: pruningRatio(SHAPE, mask) };
  };
  for (const [i, block] of order.entries()) {
    const now = recordOf(order.slice(0, i));
    if (stop.kind === 'remove' && i >= stop.count) break;
    if (stop.kind === 'ratio' && now.ratio >= stop.ratio) break;
    if (stop.kind === 'target-params' && 1501 - now.parametersRemoved <= stop.parameters) break;
    const perplexity = perplexities[i];
    if (isBeyondLimit(stop, perplexity, DENSE_PERPLEXITY)) {
      const most = limitPerplexity(stop.limit!, DENSE_PERPLEXITY);
      stopped = { reason: 'limit', block: formatBlock(block), perplexity, limitPerplexity: most };
      break;
    }
    decisions.push({
      removed: formatBlock(block),
      perplexity,
      score: Math.log(perplexity),
      ...recordOf(order.slice(0, i + 1)),
    } as DecisionRecord);
  }
  const first = { score: 2.5, perplexity: 12, ...recordOf([]) };
  return {
    config: {
      layerCount: 3,
      blockType: 'mix',
      stop,
      ...(start.length > 0 && { startMask: formatMask(start) }),
    } as RunSoFar['config'],
    dense: { score: 2.3, perplexity: DENSE_PERPLEXITY, rows: [], ...(start.length > 0 && { start: first }) },
    decisions,
    stopped,
  };
}

const paths: fc.Arbitrary<Path> = fc
  .record({
    blocks: fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }),
    startCount: fc.nat(2),
    perplexities: fc.array(fc.integer({ min: 9, max: 20 }), { minLength: 6, maxLength: 6 }),
  })
  .map(({ blocks, startCount, perplexities }) => ({
    start: makeMask(blocks.slice(0, startCount)),
    order: blocks.slice(startCount),
    perplexities,
  }));

const goals = fc.oneof(
  fc.record({ kind: fc.constant('remove' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('ratio' as const), ratio: fc.double({ min: 0.4, max: 0.75, noNaN: true }) }),
  fc.record({ kind: fc.constant('target-params' as const), parameters: fc.integer({ min: 400, max: 900 }) }),
  fc.constant({ kind: 'all' as const }),
);
const limits = fc.oneof(
  fc.record({ kind: fc.constant('perplexity' as const), perplexity: fc.integer({ min: 8, max: 21 }) }),
  fc.record({
    kind: fc.constant('increase' as const),
    increase: fc.double({ min: 0, max: 1.2, noNaN: true }),
  }),
);
const rules = fc
  .tuple(goals, fc.option(limits))
  .map(([goal, limit]): StopRule => ({ ...goal, ...(limit && { limit }) }));

describe('the sizes of a run', () => {
  it('hold what is gone before the first decision and after each', () => {
    const path: Path = { start: [3], order: [0, 5], perplexities: [11, 12] };
    const sizes = runSizes(searched(path, { kind: 'remove', count: 2 }));
    expect(sizes.map(({ mask }) => formatMask(mask))).toEqual(['mlp.1', 'mha.0+mlp.1', 'mha.0+mlp.1+mlp.2']);
    expect(sizes.map(({ parametersLeft }) => parametersLeft)).toEqual([1201, 1101, 801]);
    expect(sizes.map(({ candidatesLeft }) => candidatesLeft)).toEqual([5, 4, 3]);
    expect(sizes.map(({ perplexity }) => perplexity)).toEqual([12, 11, 12]);
  });

  it('are none before the dense model is scored, and one before the first decision', () => {
    const run = searched({ start: [], order: [], perplexities: [] }, { kind: 'remove', count: 2 });
    expect(runSizes({ ...run, dense: undefined })).toEqual([]);
    expect(endingInRun({ ...run, dense: undefined }, { kind: 'remove', count: 1 })).toBeUndefined();
    expect(runSizes(run)).toMatchObject([{ decisions: 0, mask: [], perplexity: 10, ratio: 0 }]);
    expect(endingInRun(run, { kind: 'target-params', parameters: 1 })).toBeUndefined();
  });

  it('end for a rule where a run with that rule ends, or that run goes further', () => {
    fc.assert(
      fc.property(paths, rules, rules, (path, ran, asked) => {
        const run = searched(path, ran);
        const straight = searched(path, asked);
        const ending = endingInRun(run, asked);
        if (ending) {
          expect(ending.decisions).toBe(straight.decisions.length);
          expect(ending.reason).toBe(straight.stopped?.reason ?? 'goal');
        } else expect(straight.decisions.length).toBeGreaterThanOrEqual(run.decisions.length);
      }),
      { numRuns: 1000 },
    );
  });

  it('may only become more', () => {
    fc.assert(
      fc.property(paths, rules, rules, (path, ran, asked) => {
        const run = searched(path, ran);
        const straight = searched(path, asked);
        const goesOn = straight.decisions.length >= run.decisions.length;
        if (goesOn) expect(() => requireGoingOn('runs/a', run, asked)).not.toThrow();
        else {
          expect(() => requireGoingOn('runs/a', run, asked)).toThrow(
            /^runs\/a has \d decisions, and --.* choose that size with: blockpruner pick runs\/a --/,
          );
        }
      }),
      { numRuns: 1000 },
    );
  });
});
