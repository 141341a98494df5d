import { describe, expect, it } from 'vitest';
import { blocksOfType, compareTie, makeMask, parseBlock } from '@blockpruner/blocks';
import { scoreOf } from '@blockpruner/perplexity';
import { smollm2Golden } from './smollm2-golden.ts';

const LAYER_COUNT = 30;

describe('smollm2Golden', () => {
  const golden = smollm2Golden();

  it('holds four rows of 256 tokens', () => {
    expect(golden.token_ids.map((row) => row.length)).toEqual([256, 256, 256, 256]);
  });

  it('scores every block that is left at each iteration', () => {
    const removed: number[] = [];
    for (const { removed: block, candidates } of golden.iterations) {
      const left = blocksOfType('mix', LAYER_COUNT).filter((index) => !removed.includes(index));
      const scored = makeMask(candidates.map((candidate) => parseBlock(candidate.block, LAYER_COUNT)));
      expect(scored).toEqual(left);
      removed.push(parseBlock(block, LAYER_COUNT));
    }
    expect(removed).toHaveLength(4);
  });

  it('removes the block with the lowest score, ahead of the second by the margin', () => {
    for (const { removed, score, margin, candidates } of golden.iterations) {
      const ranked = [...candidates].sort(
        (a, b) => a.score - b.score || compareTie(parseBlock(a.block), parseBlock(b.block)),
      );
      expect(ranked[0].block).toBe(removed);
      expect(ranked[0].score).toBe(score);
      expect(ranked[1].score - score).toBeCloseTo(margin, 5);
    }
  });

  it('has scores that are the mean of their rows', () => {
    const all = [golden.dense, ...golden.iterations.flatMap((iteration) => iteration.candidates)];
    for (const { score, rows } of all) expect(scoreOf(rows)).toBeCloseTo(score, 7);
  });
});
