import { describe, expect, it } from 'vitest';
import { addedTokenNotes } from './gguf-added-tokens.ts';
import type { AddedToken, TokenizerDocument } from './tokenizer-document.ts';

const REPLACE = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const PREPEND = { type: 'Prepend', prepend: '▁' };

function notesOf(tokens: readonly Partial<AddedToken>[], normalizers: readonly unknown[] = []) {
  const addedTokens = tokens.map((token, id) => ({
    ...{ id, content: `<${id}>`, special: true, isParticular: false, normalized: false },
    ...token,
  }));
  return addedTokenNotes({ addedTokens, normalizers } as unknown as TokenizerDocument);
}

describe('what llama.cpp finds otherwise', () => {
  it('is nothing where tokens are found as they are', () => {
    expect(notesOf([])).toEqual([]);
    expect(notesOf([{}, { special: false }])).toEqual([]);
    expect(notesOf([{ normalized: true }])).toEqual([]);
    expect(notesOf([{ normalized: true }], [REPLACE])).toEqual([]);
  });

  it('is noted of special tokens, all in one line', () => {
    const note = /^text beside 2 special tokens, as "<1>", may get other tokens/;
    expect(notesOf([{}, { isParticular: true }, { isParticular: true }])).toEqual([
      expect.stringMatching(note),
    ]);
    expect(notesOf([{ normalized: true }], [PREPEND, REPLACE])).toHaveLength(1);
  });

  it('is refused of ordinary ones, which may be words', () => {
    const word = { content: 'word', special: false };
    expect(notesOf([{ ...word, isParticular: true }])).toMatch(/^its token "word" is looked for otherwise/);
    expect(notesOf([{ ...word, normalized: true }], [PREPEND])).toMatch(/^its token "word"/);
  });
});
