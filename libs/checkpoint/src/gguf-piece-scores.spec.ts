import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergesByPiece, scoresFromMerges } from './gguf-piece-scores.ts';
import { mergesFromScores } from './gguf-tokenizer-spm.ts';

/** Runs of letters, as every vocabulary that is made by merges has all of their parts. */
const vocabulary = fc
  .uniqueArray(fc.stringMatching(/^[abc]{2,5}$/), { minLength: 1, maxLength: 20 })
  .map((pieces) => [...new Set(['a', 'b', 'c', ...pieces])]);

function mergesOf(tokens: readonly string[], scores: readonly number[]): string[] {
  const pieces = tokens.map((text, id) => ({ text, score: scores[id] }));
  const ids = new Map(tokens.map((text, id) => [text, id]));
  return mergesFromScores(pieces, ids, 'a file').map((pair) => pair.join(' '));
}

describe('scores of pieces', () => {
  it('give the merges that they are made from', () => {
    fc.assert(
      fc.property(vocabulary, (tokens) => {
        const merges = mergesOf(
          tokens,
          tokens.map((_, id) => -id),
        );
        expect(mergesOf(tokens, scoresFromMerges(tokens, merges))).toEqual(merges);
      }),
    );
  });

  it('say nothing of the ways to make one piece, nor of runs of one character', () => {
    expect(mergesByPiece(['a b', 'ab c', 'a bc'])).toEqual(mergesByPiece(['a b', 'a bc', 'ab c']));
    expect(mergesByPiece(['▁▁ ▁▁', '▁▁ ▁', '▁ ▁▁▁', '▁▁▁ ▁', '▁ ▁▁', '▁ ▁'])).toHaveLength(6);
    expect(mergesByPiece([])).toEqual([]);
  });

  it('cannot say merges of one piece with those of another between', () => {
    expect(mergesByPiece(['ab c', 'a b', 'a bc'])).toBeNull();
  });
});
