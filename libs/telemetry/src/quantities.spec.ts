import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFlops,
  parseBytes,
  parseCount,
  parseDuration,
} from './quantities.ts';

describe('formatDuration', () => {
  it.each([
    [0, '0.0 s'],
    [0.44, '0.4 s'],
    [9.96, '10 s'],
    [42.4, '42 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3599.6, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [86_390, '1 d 00 h'],
    [273_600, '3 d 04 h'],
    [-5, '-5.0 s'],
    [NaN, 'unknown'],
    [Infinity, 'unknown'],
  ])('writes %f seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('parseDuration', () => {
  it.each([
    ['25s', 25_000],
    ['0s', 0],
    ['1.5 h', 5_400_000],
    ['15min', 900_000],
    ['15M', 900_000],
    ['500ms', 500],
    ['24d', 2_073_600_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '25',
    '-1s',
    '1e3s',
    ' 1s',
    '1s ',
    '1  s',
    's',
    '1.s',
    '1y',
    '25d',
    '999999999h',
    'constructor',
  ])('takes %j for no time', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('reads a time that a timer takes from any text, or nothing', () => {
    const part = fc.constantFrom('0', '1', '9', '.', ' ', 'm', 's', 'h', 'd', 'min');
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string())), (parts) => {
        const ms = parseDuration(parts.join(''));
        expect(ms === undefined || (Number.isInteger(ms) && ms >= 0 && ms < 2 ** 31)).toBe(true);
      }),
    );
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1023.7, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [11.8 * 2 ** 30, '11.8 GiB'],
    [1023.6 * 2 ** 20, '1.00 GiB'],
    [2 ** 70, '1048576 PiB'],
    [NaN, 'unknown'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('parseBytes', () => {
  it.each([
    ['1', 1],
    ['1073741824', 2 ** 30],
    ['12GiB', 12 * 2 ** 30],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['512mib', 512 * 2 ** 20],
    ['64KiB', 65_536],
    ['2TiB', 2 ** 41],
    ['100 B', 100],
    ['0.3KiB', 307],
    ['1024TiB', 2 ** 50],
  ])('reads %s as %d', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '0', '0.1', '-1', '12GB', '12G', '1e9', ' 1GiB', '1GiB ', '1  GiB', 'GiB', '1.GiB', '1,5GiB'])(
    'takes %j for no size',
    (text) => {
      expect(parseBytes(text)).toBeUndefined();
    },
  );

  it('takes no size above a pebibyte', () => {
    expect(parseBytes('1025TiB')).toBeUndefined();
    expect(parseBytes('9999999999999999TiB')).toBeUndefined();
    expect(parseBytes('9'.repeat(400))).toBeUndefined();
  });

  it('reads whole bytes of any text, or nothing', () => {
    const digits = fc.constantFrom('0', '1', '9', '.', '-', 'e');
    const text = fc.array(fc.oneof(digits, fc.constantFrom('G', 'i', 'B', 'm', ' '), fc.string()));
    fc.assert(
      fc.property(text, (parts) => {
        const bytes = parseBytes(parts.join(''));
        expect(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 1)).toBe(true);
      }),
    );
  });

  it('reads what formatBytes writes, to its three digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 49 }), (bytes) => {
        expect(parseBytes(formatBytes(bytes)) ?? 0).toBeGreaterThan(0.99 * bytes - 1);
        expect(parseBytes(formatBytes(bytes)) ?? 0).toBeLessThan(1.01 * bytes + 1);
      }),
    );
  });
});

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [999.7, '1.00 k'],
    [12_345, '12.3 k'],
    [134_515_008, '135 M'],
    [999_600, '1.00 M'],
    [1_235_814_400, '1.24 B'],
    [35.26, '35.3'],
    [-12_345, '-12.3 k'],
  ])('writes %d as %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });
});

describe('formatFlops', () => {
  it.each([
    [0, '0 FLOP'],
    [999.7, '1.00 kFLOP'],
    [17_400_000_000, '17.4 GFLOP'],
    [1.24e18, '1.24 EFLOP'],
    [1e24, '1000 ZFLOP'],
    [NaN, 'unknown'],
  ])('writes %d as %s', (flops, text) => {
    expect(formatFlops(flops)).toBe(text);
  });
});

describe('parseCount', () => {
  it.each([
    ['1.1B', 1_100_000_000],
    ['900M', 900_000_000],
    ['135k', 135_000],
    ['0.5 t', 500_000_000_000],
    ['134515008', 134_515_008],
    ['1.0000004k', 1000],
  ])('reads %s as %d', (text, count) => {
    expect(parseCount(text)).toBe(count);
  });

  it.each(['', '0', '0.4', '-1', '1e9', '1.1G', '1,1B', ' 1', 'B', '1.B', '2000T', '9'.repeat(30)])(
    'takes %j for no count',
    (text) => {
      expect(parseCount(text)).toBeUndefined();
    },
  );

  it('reads what formatCount writes, to three digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 49 }), (count) => {
        expect((parseCount(formatCount(count)) ?? 0) / count).toBeCloseTo(1, 2);
      }),
    );
  });
});
