import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collect, cutAt } from '../test/record-reading.ts';
import { PART_CHARACTERS } from './limits.ts';
import { readText } from './text-reader.ts';
import { skipByteOrderMark } from './utf8-bytes.ts';

async function* streamOf(chunks: Buffer[]): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield* chunks;
}

async function partsOf(bytes: Buffer, lengths: readonly number[] = [1000]): Promise<string[]> {
  const chunks = skipByteOrderMark('a.txt', streamOf(cutAt(bytes, lengths)));
  const records = await collect(readText('a.txt', chunks));
  expect(records.map(({ continues }) => continues)).toEqual(records.map((_, i) => i < records.length - 1));
  return records.map(({ value }) => value as string);
}

test('the parts of a text give the text, whatever the chunks', async () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 });
  const lengths = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(word, fc.integer({ min: 1, max: 20_000 }), lengths, async (unit, count, cuts) => {
      const text = unit.repeat(count);
      fc.pre(!text.startsWith('\ufeff'));
      const parts = await partsOf(Buffer.from(text), cuts);
      expect(parts.join('')).toBe(text);
      for (const part of parts) {
        expect(part.length).toBeLessThanOrEqual(PART_CHARACTERS);
        expect(part.isWellFormed()).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test('a text of up to one part is one record', async () => {
  expect(await partsOf(Buffer.from('a\r\nb'))).toEqual(['a\r\nb']);
  expect(await partsOf(Buffer.from('x'.repeat(PART_CHARACTERS)))).toHaveLength(1);
});

test('a part ends behind a newline, else behind a blank, else within a word', async () => {
  const lines = await partsOf(Buffer.from('some words\n'.repeat(20_000)));
  expect(
    lines.slice(0, -1).every((part) => part.endsWith('words\n') && part.length > PART_CHARACTERS - 20),
  ).toBe(true);
  const words = await partsOf(Buffer.from('some words '.repeat(20_000)));
  expect(words.slice(0, -1).every((part) => part.endsWith(' '))).toBe(true);
  const [head] = await partsOf(Buffer.from('x'.repeat(PART_CHARACTERS + 1)));
  expect(head).toHaveLength(PART_CHARACTERS);
});

test('a byte order mark is dropped, in one chunk or in many, and only the first', async () => {
  const bytes = Buffer.from('\ufeff\ufeffa');
  expect(await partsOf(bytes, [100])).toEqual(['\ufeffa']);
  expect(await partsOf(bytes, [1])).toEqual(['\ufeffa']);
  expect(await partsOf(Buffer.from('ä'), [1])).toEqual(['ä']);
});

test.each([[[100]], [[1]], [[2]]])(
  'the first byte that is not UTF-8 is named, in chunks of %j',
  async (lengths) => {
    const bad = Buffer.concat([Buffer.from('a\ufffdä'), Buffer.from([0xff]), Buffer.from('b')]);
    await expect(partsOf(bad, lengths)).rejects.toThrow('not valid UTF-8 at byte 6');
    await expect(partsOf(Buffer.from([0x61, 0xe2, 0x82]), lengths)).rejects.toThrow(
      'not valid UTF-8 at byte 1',
    );
    await expect(partsOf(Buffer.from([0xed, 0xa0, 0x80, 0x61]), lengths)).rejects.toThrow(
      'not valid UTF-8 at byte 0',
    );
  },
);
