import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAt } from '../test/record-reading.ts';
import { JsonArraySplitter } from './json-array-splitter.ts';
import { MAX_RECORD_BYTES } from './limits.ts';

function split(bytes: Buffer, lengths: readonly number[]): { texts: string[]; offsets: number[] } {
  const splitter = new JsonArraySplitter('a.json');
  const texts: string[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const chunk of cutAt(bytes, lengths)) {
    for (const element of splitter.push({ offset, bytes: chunk })) {
      expect(element.index).toBe(texts.length);
      texts.push(element.bytes.toString());
      offsets.push(element.offset);
    }
    offset += chunk.length;
  }
  splitter.end();
  return { texts, offsets };
}

test('the elements are those of JSON.parse, wherever the chunks end', () => {
  const array = fc.array(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), { minLength: 1, maxLength: 8 });
  const indent = fc.constantFrom('', ' ', '\t', '\r\n');
  fc.assert(
    fc.property(
      array,
      indent,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (values, space, lengths) => {
        const text = `${space}${JSON.stringify(values, null, space)}${space}`;
        const bytes = Buffer.from(text);
        const { texts, offsets } = split(bytes, lengths);
        expect(texts.map((element) => JSON.parse(element) as unknown)).toEqual(JSON.parse(text));
        expect(offsets.every((at, i) => bytes.subarray(at).toString().startsWith(texts[i]))).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test('an array whose text is mutated gives the elements of JSON.parse or an error', () => {
  const good = Buffer.from('[ "a,]\\"", {"b": [1, "}"]}, ["c", []] ]');
  const change = fc.tuple(fc.nat(good.length - 1), fc.constantFrom(...Buffer.from('[]{},"\\ x1')));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const [at, byte] of changes) bytes[at] = byte;
      let parsed: unknown;
      try {
        parsed = split(bytes, [3]).texts.map((element) => JSON.parse(element) as unknown);
      } catch {
        // An error here stands for one of the reader: what JSON.parse takes is an array only if it is empty.
        const whole = parseOrNothing(bytes.toString());
        expect(Array.isArray(whole) && whole.length > 0).toBe(false);
        return;
      }
      expect(parsed).toEqual(JSON.parse(bytes.toString()));
    }),
    { numRuns: 2000 },
  );
});

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test.each([
  ['[1,,2]', 'a comma too many at byte 3'],
  ['[1,]', 'a comma too many at byte 3'],
  ['["a"', 'the file was cut off within element 0'],
  ['["a", "b', 'the file was cut off within element 1'],
  ['["a"}', 'a bracket that does not match at byte 4'],
  ['[] []', 'something follows the array at byte 3; one array a line is a .jsonl'],
  ['[]', 'the array is empty'],
  ['  ', 'nothing is in the file'],
  ['"a"', 'does not begin with a JSON array (byte 0)'],
  ['{"data": [1]}', "an object at the top, not an array; write its array alone (jq '.data')"],
  ['{"version": 1}', 'an object at the top, not an array; write one array'],
  ['{"a": 1}\n{"a": 2}\n', 'several JSON values one behind the other (byte 9); name the file .jsonl'],
])('%s: %s', (text, message) => {
  expect(() => split(Buffer.from(text), [100])).toThrow(`a.json: ${message}`);
});

test('an element beyond the limits of size and depth is an error as soon as it is', () => {
  const open = Buffer.alloc(MAX_RECORD_BYTES + 3, 'x');
  open.write('["');
  expect(() => split(open, [2 ** 16])).toThrow(/element 0 at byte 1 is longer than the 16777216 bytes/);
  expect(() => split(Buffer.from(`["a", ${'['.repeat(1000)}`), [100])).toThrow(
    /element 1 at byte \d+: .*64 deep/,
  );
});
