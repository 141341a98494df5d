import type { Mask, ModelShape } from '@blockpruner/blocks';
import { CellTable } from '@blockpruner/perplexity';
import { exhaustiveSearch, type SearchProblem, type Strategy } from '@blockpruner/search';
import { describe, expect, it } from 'vitest';
import { exactDecisions, replaySearch, type ReplayedIteration } from '../bench/replayed-search.ts';

const SHAPE: ModelShape = {
  layerCount: 2,
  hiddenSize: 8,
  intermediateSize: 16,
  headCount: 2,
  kvHeadCount: 2,
  headSize: 4,
  vocabSize: 32,
  mhaParameters: 100,
  mlpParameters: 250,
  totalParameters: 790,
};
const PROBLEM: SearchProblem = { shape: SHAPE, blockType: 'mix', stop: { kind: 'remove', count: 2 } };

/** Two rows on which block 2 goes first, then block 0; the first row alone is for block 3. */
function recording(): CellTable {
  const recorded = new CellTable([17, 17]);
  const record = (mask: Mask, candidate: number | null, means: readonly number[]): void =>
    means.forEach((mean, row) =>
      recorded.add({ mask, candidate, row, windowSums: Float64Array.of(16 * mean) }),
    );
  record([], null, [1, 1]);
  for (const block of [0, 1, 2, 3]) record([], block, [4 - block, block === 3 ? 9 : 4 - block]);
  for (const block of [0, 1, 3]) record([2], block, [block, block]);
  return recorded;
}

/** The exhaustive search of the first row. */
const HASTY: Strategy = {
  step(decisions, cells) {
    const first = new CellTable([17]);
    for (const mask of [[], [2]]) {
      for (const candidate of [null, 0, 1, 2, 3]) {
        const windowSums = cells.windowSums({ mask, candidate, row: 0 });
        if (windowSums) first.add({ mask, candidate, row: 0, windowSums });
      }
    }
    return exhaustiveSearch(PROBLEM).step(decisions, first);
  },
};

describe('a replayed search', () => {
  const recorded = recording();
  const exact = exactDecisions(exhaustiveSearch(PROBLEM), recorded);
  const replay = (strategy: Strategy): ReplayedIteration[] =>
    replaySearch(strategy, PROBLEM, recorded, exact);
  const lineOf = ({ isWrong, regretNats, cells }: ReplayedIteration) => [isWrong, regretNats, cells];

  it('is right where it asks for everything', () => {
    expect(exact.map(({ removed }) => removed)).toEqual([2, 0]);
    expect(replay(exhaustiveSearch(PROBLEM)).map(lineOf)).toEqual([
      [false, 0, 8],
      [false, 0, 6],
    ]);
  });

  it('gets what it asks for, and is judged at the masks of the exhaustive search after a wrong choice', () => {
    const hasty = replay(HASTY);
    expect(hasty.map(lineOf)).toEqual([
      [true, 3, 4],
      [false, 0, 3],
    ]);
    const exhaustive = replay(exhaustiveSearch(PROBLEM));
    expect(hasty.map(({ flops }) => 2 * flops)).toEqual(exhaustive.map(({ flops }) => flops));
  });

  it('fails where cells are asked for that nobody recorded, or that it has', () => {
    const sweep = { base: [1], candidates: [0], baseline: false };
    const asking = { step: () => ({ kind: 'evaluate' as const, sweep, rows: [0], laterRows: [] }) };
    expect(() => replay(asking)).toThrow(/row 0 of candidate 0 on 1 was not recorded/);
    const again = {
      step: () => ({ kind: 'evaluate' as const, sweep: { ...sweep, base: [] }, rows: [0], laterRows: [] }),
    };
    expect(() => replay(again)).toThrow(/iteration 1: the strategy asks for cells that it has/);
    expect(() => replay({ step: () => ({ kind: 'done' }) })).toThrow(/ended before iteration 1 of 2/);
  });
});
