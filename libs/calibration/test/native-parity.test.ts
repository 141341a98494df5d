import fc from 'fast-check';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type TextTokenizer } from '../src/tokenizer.ts';
import { withFolder } from './folder.ts';
import { oneWordBpe, oneWordUnigram, smallTokenizers } from './small-tokenizers.ts';

const words = ['the', ' the', ' a', 'and', 'x', '漢字', 'é', 'e\u0301', '👍🏽', '\u{10000}', "'s", "'S", '_'];
const spaces = [' ', '  ', '    ', '\n', '\n\n', '\t', '\ufeff', '\u0085', '\u00a0', '\u2028', '▁', '\0'];
const marks = ['.', '..', '...', '$', '+', '“', '—', '<s>', '<pad>', ' <pad> '];
const digits = ['1', '12', '1234', '½', '²', ' ²', '³', '٣', 'Ⅷ'];

const text = fc.oneof(
  fc
    .array(fc.constantFrom(...words, ...spaces, ...marks, ...digits), { maxLength: 12 })
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
/** Beside a token that strips, these two characters are refused. */
const textWithoutOddSpaces = text.filter((input) => !/[\ufeff\u0085]/.test(input));

function load(json: Record<string, unknown>): Promise<TextTokenizer> {
  return withFolder({ 'tokenizer.json': JSON.stringify(json) }, loadTokenizer);
}

async function nativeIds(native: NativeTokenizer, input: string): Promise<number[]> {
  return (await native.encode(input)).getIds();
}

describe('token ids', () => {
  it.each(Object.entries(smallTokenizers))('equal those of the native library: %s', async (name, json) => {
    const native = NativeTokenizer.fromString(JSON.stringify(json));
    const tokenizer = await load(json);
    await fc.assert(
      fc.asyncProperty(name === 'special tokens' ? textWithoutOddSpaces : text, async (input) => {
        expect([...tokenizer.encode(input)]).toEqual(await nativeIds(native, input));
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['BPE', oneWordBpe],
    ['Unigram', oneWordUnigram],
  ])(
    'equal those of the native library on a text of 200 000 letters that is one %s word',
    async (_name, json) => {
      const input = 'the band and, an ant 12 the\u00e9  a.\n'.repeat(200_000 / 32);
      const native = NativeTokenizer.fromString(JSON.stringify(json));
      const tokenizer = await load(json);
      const expected = await nativeIds(native, input);
      expect(
        Buffer.from(tokenizer.encode(input).buffer).equals(Buffer.from(Int32Array.from(expected).buffer)),
      ).toBe(true);
    },
  );
});
