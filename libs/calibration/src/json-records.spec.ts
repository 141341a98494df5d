import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CalibrationError } from './calibration-error.ts';
import { parseJsonRecords } from './json-records.ts';

const parse = (text: string) => parseJsonRecords(text, 'c.json', 1000);
const tokenId = fc.integer({ min: 0, max: 999 });
const texts = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 5 });
const tokenRows = fc.array(fc.array(tokenId, { minLength: 2, maxLength: 6 }), { minLength: 1, maxLength: 5 });

describe('parseJsonRecords', () => {
  it('reads an array of strings', () => {
    fc.assert(
      fc.property(texts, (records) => {
        expect(parse(JSON.stringify(records))).toEqual({ kind: 'text', records });
      }),
    );
  });

  it('reads an array of token-id arrays', () => {
    fc.assert(
      fc.property(tokenRows, (rows) => {
        expect(parse(JSON.stringify(rows))).toEqual({
          kind: 'token-ids',
          rows: rows.map((row) => Int32Array.from(row)),
        });
      }),
    );
  });

  it('gives ids within the vocabulary, strings, or a CalibrationError, on damaged text', () => {
    const document = fc.oneof(texts, tokenRows).map((value) => JSON.stringify(value));
    const piece = fc.oneof(fc.constantFrom(...'[]{}",\\-.0e 9\n'), fc.string({ maxLength: 2 }));
    fc.assert(
      fc.property(
        document,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), piece), { maxLength: 4 }),
        (original, edits) => {
          const damaged = edits.reduce((text, [where, cut, insert]) => {
            const at = where % (text.length + 1);
            return text.slice(0, at) + insert + text.slice(at + cut);
          }, original);
          try {
            const parsed = parse(damaged);
            if (parsed.kind === 'text') expect(parsed.records).toEqual(JSON.parse(damaged));
            else
              expect(
                parsed.rows.every((row) => row.length >= 2 && row.every((id) => id >= 0 && id < 1000)),
              ).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(CalibrationError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"text": "a"}', 'an object: write an array of strings, or an array of token-id arrays'],
    ['null', 'null: write an array'],
    ['', 'not valid JSON'],
    ['["a"', 'not valid JSON'],
    ['[]', 'the array is empty'],
    ['["\\ud800"]', 'the string of element 0 holds half of a surrogate pair'],
    ['[{"text": "a"}]', 'element 0 is an object'],
    ['[1, 2, 3]', 'element 0 is a number'],
    ['["a", [1, 2]]', 'element 1 is an array while those before it are not'],
    ['[[1, 2], "a"]', 'element 1 is a string while those before it are not'],
    ['[[7]]', 'row 0 has 1 token ids; a row has from 2, one to predict from and one to predict, to 131072'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'format' }));
  });

  it.each(['1000', '-1', '1.5', '"4"', 'null', '[3]'])(
    'names row, position, value and vocabulary size for id %s',
    (id) => {
      const named = id === '[3]' ? 'an array' : id;
      expect(() => parse(`[[1, 2], [3, 4, ${id}]]`)).toThrow(
        expect.objectContaining({
          code: 'token-id',
          message: `c.json: row 1, position 2: ${named} is not a token id from 0 to 999: the model's vocabulary has 1000 tokens`,
        }),
      );
    },
  );

  it('bounds the length of a row and the number of elements', () => {
    const row = (tokens: number): string => `[[${new Array(tokens).fill(1).join()}]]`;
    expect(parse(row(131_072))).toMatchObject({ kind: 'token-ids' });
    expect(() => parse(row(131_073))).toThrow('row 0 has 131073 token ids');
    expect(() => parse(`[${new Array(2 ** 20 + 1).fill('""').join()}]`)).toThrow(
      '1048577 elements, more than 1048576',
    );
  });

  it('refuses nesting of any depth without a crash', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(() => parse(deep)).toThrow(CalibrationError);
  });
});
