import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord } from './cell-record.ts';

const CELLS = [Float64Array.of(0.1, -0, NaN), Float64Array.of(Infinity), Float64Array.of()];
const COUNTS = [3, 1, 0];

describe('encodeRecord', () => {
  it('writes length, CRC32C and float64 values, little-endian', () => {
    expect(encodeRecord([Float64Array.of(1)]).toString('hex')).toBe('0800000061e942a6000000000000f03f');
  });

  it('reads back bit for bit', () => {
    fc.assert(
      fc.property(fc.array(fc.float64Array({ maxLength: 5 }), { maxLength: 5 }), (cells) => {
        const counts = cells.map(({ length }) => length);
        expect(decodeRecord(encodeRecord(cells), counts)).toEqual(cells);
      }),
    );
  });
});

describe('decodeRecord', () => {
  it('finds any flipped bit', () => {
    const record = encodeRecord(CELLS);
    for (let bit = 0; bit < 8 * record.length; bit++) {
      const damaged = Buffer.from(record);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(decodeRecord(damaged, COUNTS)).toBeTypeOf('string');
    }
  });

  it('says how much of a torn record is missing', () => {
    const record = encodeRecord(CELLS);
    for (let length = 0; length < record.length; length++) {
      const missing = record.length - length;
      expect(decodeRecord(record.subarray(0, length), COUNTS)).toBe(`the file ends ${missing} bytes early`);
    }
  });

  it('refuses a record of another size', () => {
    expect(decodeRecord(encodeRecord(CELLS), [2])).toBe('length 32, expected 16');
  });
});
