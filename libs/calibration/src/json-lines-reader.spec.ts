import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collect, cutAt } from '../test/record-reading.ts';
import { readJsonLines } from './json-lines-reader.ts';
import { MAX_RECORD_BYTES } from './limits.ts';
import type { SourceRecord } from './source-record.ts';
import type { ByteChunk } from './utf8-bytes.ts';

async function* chunksOf(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<ByteChunk> {
  await Promise.resolve();
  let offset = 0;
  for (const chunk of cutAt(bytes, lengths)) {
    yield { offset, bytes: chunk };
    offset += chunk.length;
  }
}

const read = (text: string | Buffer, lengths: readonly number[] = [7]): Promise<SourceRecord[]> =>
  collect(readJsonLines('a.jsonl', chunksOf(Buffer.from(text), lengths)));

test('every line gives its value, wherever the chunks end', async () => {
  const record = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.array(fc.nat()),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('\n', '\r\n', '\n \t\n'),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (values, newline, ended, lengths) => {
        const lines = values.map((value) => JSON.stringify(value));
        const records = await read(lines.join(newline) + (ended ? newline : ''), lengths);
        expect(records.map(({ value }) => value)).toEqual(lines.map((line) => JSON.parse(line) as unknown));
      },
    ),
    { numRuns: 200 },
  );
});

test('lines count from 1, blank ones included', async () => {
  const records = await read('"a"\n\n \r\n{"b":1}');
  expect(records.map(({ place, value }) => [place, value])).toEqual([
    ['line 1', 'a'],
    ['line 4', { b: 1 }],
  ]);
});

test.each([
  ['"a"\n{"b": \n"c"', 'line 2: not valid JSON'],
  ['"a"\n{"b": "c', 'the file was cut off at line 2, its last; fetch it again or remove that line'],
  ['"a"\n5\n', 'line 2 is a number: a record is a string, an array or an object'],
  ['"a"\nnull\n', 'line 2 is null'],
  ['[\n"a"\n]\n', 'one array over many lines is a .json'],
  ['\n \n', 'every line is blank'],
  ['"a"\n{"b": ["\\ud800"]}\n', 'line 2: the string "\\\\ud800" holds half of a surrogate pair'],
  [
    `"a"\n${'['.repeat(100)}${']'.repeat(100)}\n`,
    'line 2: arrays and objects within each other more than 64 deep',
  ],
])('%j: %s', async (text, message) => {
  await expect(read(text)).rejects.toThrow(
    new RegExp(`^a\\.jsonl: .*${message.replace(/[()[\]]/g, '\\$&').slice(0, 60)}`),
  );
});

test('a file that is cut off within a character is cut off', async () => {
  const bytes = Buffer.from('"a"\n"bä');
  await expect(read(bytes.subarray(0, -1))).rejects.toThrow('the file was cut off at line 2');
});

test('a line that is not UTF-8 is named with the byte', async () => {
  const bytes = Buffer.concat([Buffer.from('"a"\n"'), Buffer.from([0xc0]), Buffer.from('"\n')]);
  await expect(read(bytes)).rejects.toThrow('line 2: not valid UTF-8 at byte 5');
});

test('a line beyond the limit is an error as soon as it is', async () => {
  const bytes = Buffer.alloc(MAX_RECORD_BYTES + 100, '"a"\n', 'latin1').fill('x', 4);
  await expect(read(bytes, [2 ** 16])).rejects.toThrow('line 2 is longer than the 16777216 bytes');
});
