import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration } from './quantities.ts';

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
