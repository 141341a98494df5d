import { checkWordLength } from './word-length.ts';
import type { BpeModel } from './tokenizers-library.ts';

/** Shorter words are looked up in the library's own cache. */
const LONG_WORD_CHARACTERS = 256;

/**
 * Makes a BPE model encode a long word in parts, with the same tokens. A tokenizer without a pre-tokenizer
 * hands over a whole text as one word, and the library's heap then takes 8 µs a character where cached parts
 * take less than 1.
 *
 * A word may be cut between two characters when no merge has the first at the end of its left side and the
 * second at the start of its right side: then no token ever spans the cut, the merges on either side never
 * meet, and their order within a side stays.
 */
export function encodeLongWordsInParts(model: BpeModel): void {
  const joins = new Set(model.merges.map(([left, right]) => lastCharacter(left) + firstCharacter(right)));
  // Both of these look at a word as a whole.
  const isWhole = model.ignore_merges || Boolean(model.end_of_word_suffix);
  const encode = model.encode.bind(model);
  model.encode = (words) =>
    encode(
      words.flatMap((word) => {
        const parts = isWhole || word.length <= LONG_WORD_CHARACTERS ? [word] : cut(word, joins);
        parts.forEach(checkWordLength);
        return parts;
      }),
    );
}

function cut(word: string, joins: ReadonlySet<string>): string[] {
  const parts: string[] = [];
  let start = 0;
  let end = 0;
  let previous = '';
  for (const character of word) {
    if (end > 0 && !joins.has(previous + character)) {
      parts.push(word.slice(start, end));
      start = end;
    }
    previous = character;
    end += character.length;
  }
  parts.push(word.slice(start));
  return parts;
}

function firstCharacter(token: string): string {
  return String.fromCodePoint(token.codePointAt(0) ?? 0);
}

function lastCharacter(token: string): string {
  return Array.from(token.slice(-2)).at(-1) ?? '';
}
