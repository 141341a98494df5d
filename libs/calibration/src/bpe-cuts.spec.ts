import { describe, expect, it } from 'vitest';
import { encodeLongWordsInParts } from './bpe-cuts.ts';

function modelOf(merges: [string, string][], options: { ignoreMerges?: boolean } = {}) {
  const seen: string[] = [];
  const model = {
    merges,
    ignore_merges: options.ignoreMerges ?? false,
    encode(words: readonly string[]): string[] {
      seen.push(...words);
      return [...words];
    },
  };
  encodeLongWordsInParts(model);
  return { model, seen };
}

describe('encodeLongWordsInParts', () => {
  it('cuts a long word only between characters that no merge joins', () => {
    const { model, seen } = modelOf([
      ['a', 'b'],
      ['ab', '\u{1F44D}'],
      ['\u{1F44D}', 'c'],
    ]);
    model.encode(['ab\u{1F44D}cba'.repeat(50)]);
    expect(new Set(seen)).toEqual(new Set(['ab\u{1F44D}c', 'b', 'a']));
    expect(seen.join('')).toBe('ab\u{1F44D}cba'.repeat(50));
  });

  it('leaves short words alone, and every word where a whole word may be a token', () => {
    const short = modelOf([['a', 'b']]);
    short.model.encode(['bbb']);
    expect(short.seen).toEqual(['bbb']);
    const ignoring = modelOf([['a', 'b']], { ignoreMerges: true });
    ignoring.model.encode(['b'.repeat(1000)]);
    expect(ignoring.seen).toEqual(['b'.repeat(1000)]);
  });
});
