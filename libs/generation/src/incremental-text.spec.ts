import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IncrementalText } from './incremental-text.ts';

/** A tokenizer whose tokens are bytes, the hardest case. */
const decodeBytes = (ids: Int32Array): Promise<string> =>
  Promise.resolve(new TextDecoder().decode(Uint8Array.from(ids)));

async function pieces(bytes: Iterable<number>, decode = decodeBytes): Promise<string[]> {
  const text = new IncrementalText(decode);
  const all: string[] = [];
  for (const byte of bytes) all.push(await text.push(byte));
  return [...all, await text.end()];
}

it('gives whole characters as soon as they are there, and all of the text in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 20 }), async (given) => {
      const text = given.toWellFormed();
      const given8 = new TextEncoder().encode(text);
      const parts = await pieces(given8);
      expect(parts.join('')).toBe(new TextDecoder().decode(given8));
      if (!text.includes('\ufffd')) for (const part of parts) expect(part).not.toContain('\ufffd');
    }),
  );
});

it('gives a character that is never completed at the end', async () => {
  expect(await pieces([0x61, 0xe2, 0x82])).toEqual(['a', '', '', '\ufffd']);
});

it('keeps a space that a decoder drops in front', async () => {
  const words = ['Hello', 'big', 'world'];
  const decode = (ids: Int32Array): Promise<string> =>
    Promise.resolve(Array.from(ids, (id) => words[id]).join(' '));
  expect(await pieces([0, 1, 2], decode)).toEqual(['Hello', ' big', ' world', '']);
});
