import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CalibrationError } from './calibration-error.ts';
import { parseJsonRecords } from './json-records.ts';

const parse = (text: string) => parseJsonRecords(Buffer.from(text), 'c.json', 1000);
const tokenId = fc.integer({ min: 0, max: 999 });
const texts = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 5 });
const tokenRows = fc.array(fc.array(tokenId, { minLength: 2, maxLength: 6 }), { minLength: 1, maxLength: 5 });

describe('parseJsonRecords', () => {
  it('reads an array of strings as JSON.parse does', () => {
    fc.assert(
      fc.property(texts, fc.constantFrom(undefined, 2, '\t'), (records, indent) => {
        expect(parse(JSON.stringify(records, null, indent))).toEqual({ kind: 'text', records });
      }),
    );
  });

  it('reads an array of token-id arrays as JSON.parse does', () => {
    fc.assert(
      fc.property(tokenRows, fc.constantFrom(undefined, 2, '\t'), (rows, indent) => {
        const parsed = parse(JSON.stringify(rows, null, indent));
        expect(parsed).toEqual({ kind: 'token-ids', rows: rows.map((row) => Int32Array.from(row)) });
      }),
    );
  });

  it('gives a result that JSON.parse agrees with, or a CalibrationError, on damaged bytes', () => {
    const document = fc.oneof(texts, tokenRows).map((value) => Buffer.from(JSON.stringify(value)));
    const byte = fc.oneof(
      fc.constantFrom(...Buffer.from('[]{}",\\-.0e 9\n')),
      fc.integer({ min: 0, max: 255 }),
    );
    const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'insert', 'cut'), byte), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(document, damage, (original, edits) => {
        const bytes = edits.reduce((before, [where, kind, value]) => {
          const at = where % (before.length + 1);
          const rest = before.subarray(kind === 'set' ? at + 1 : at);
          return Buffer.concat([
            before.subarray(0, at),
            kind === 'cut' ? Buffer.of() : Buffer.of(value, ...rest),
          ]);
        }, original);
        let parsed;
        try {
          parsed = parseJsonRecords(bytes, 'c.json', 1000);
        } catch (error) {
          expect(error).toBeInstanceOf(CalibrationError);
          return;
        }
        const expected = JSON.parse(bytes.toString()) as (string | number[])[];
        if (parsed.kind === 'text') expect(parsed.records).toEqual(expected);
        else
          expect(parsed.rows.map((row) => [...row].map((id) => id + 0))).toEqual(
            plusZero(expected as number[][]),
          );
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"text": "a"}', 'at byte 0: an object where an array must begin'],
    ['', 'at byte 0: the end of the file where an array must begin'],
    ['[]', 'the array is empty'],
    ['["a"', 'at byte 4: the end of the file where "," or "]" must follow'],
    ['["a" "b"]', 'at byte 5: a string where "," or "]" must follow'],
    ['["a",]', 'at byte 5: element 1: "]" is neither a string nor an array'],
    ['["a"] x', 'at byte 6: "x" after the end of the array'],
    ['["a]', 'at byte 1: the string of element 0 never ends'],
    ['["a\nb"]', 'the string of element 0, which begins at byte 1, holds a raw control character'],
    ['["\\ud800"]', 'the string of element 0, at byte 1, holds half of a surrogate pair'],
    ['[{"text": "a"}]', 'element 0: an object is neither a string nor an array'],
    ['[1, 2, 3]', 'element 0: a number is neither a string nor an array'],
    ['["a", [1, 2]]', 'element 1 is an array while those before it are not'],
    ['[[1, 2], "a"]', 'element 1 is a string while those before it are not'],
    ['[[[1, 2]]]', 'row 0, position 0: an array is not a token id'],
    ['[[1, "2"]]', 'row 0, position 1: a string is not a token id'],
    ['[[1, 02]]', 'row 0, position 1: "02" is not a number'],
    ['[[7]]', 'row 0 has 1 token ids; a row needs at least 2'],
    ['[[]]', 'row 0 has 0 token ids; a row needs at least 2'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'format' }));
  });

  it.each(['1000', '-1', '1.5', '1e999'])('names row, position, id and vocabulary size for id %s', (id) => {
    expect(() => parse(`[[1, 2], [3, 4, ${id}]]`)).toThrow(
      expect.objectContaining({
        code: 'token-id',
        message: expect.stringContaining(
          `row 1, position 2: token id ${id} is not an integer from 0 to 999: the model's vocabulary has 1000 tokens`,
        ) as unknown,
      }),
    );
  });

  it('bounds the length of a row and the number of elements', () => {
    const row = (tokens: number): string => `[[${new Array(tokens).fill(1).join()}]]`;
    expect(parse(row(131_072))).toMatchObject({ kind: 'token-ids' });
    expect(() => parse(row(131_073))).toThrow('row 0 has more than 131072 token ids');
    expect(() => parse(`[${new Array(2 ** 20 + 1).fill('""').join()}]`)).toThrow(
      'more than 1048576 array elements',
    );
  });

  it('refuses nesting of any depth at once', () => {
    expect(() => parse('['.repeat(1_000_000))).toThrow('row 0, position 0: an array is not a token id');
  });
});

/** JSON knows a negative zero, an Int32Array does not. */
function plusZero(rows: readonly number[][]): number[][] {
  return rows.map((row) => row.map((id) => id + 0));
}
