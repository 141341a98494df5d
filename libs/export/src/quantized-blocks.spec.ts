import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { quantizeRows } from './quantized-blocks.ts';

/** The values that `MatMulNBits` multiplies by. */
function dequantize(rows: ReturnType<typeof quantizeRows>, columns: number, bits: 4 | 8): number[][] {
  const blocks = Math.ceil(columns / 32);
  const rowCount = rows.scales.length / blocks;
  return Array.from({ length: rowCount }, (_, row) =>
    Array.from({ length: blocks * 32 }, (_, i) => {
      const at = row * blocks * 32 + i;
      const number = bits === 8 ? rows.numbers[at] : (rows.numbers[at >> 1] >> (4 * (at & 1))) & 15;
      return rows.scales[row * blocks + (i >> 5)] * (number - 2 ** (bits - 1));
    }),
  );
}

it('comes back within a step, zeros and what is behind a row exactly', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<4 | 8>(4, 8),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 3 }),
      fc.infiniteStream(fc.float({ min: -8, max: 8, noNaN: true })),
      (bits, columns, rowCount, stream) => {
        const values = Float32Array.from({ length: columns * rowCount }, () => stream.next().value as number);
        const quantized = quantizeRows(values, columns, bits);
        const blocks = Math.ceil(columns / 32);
        dequantize(quantized, columns, bits).forEach((found, row) =>
          found.forEach((value, i) => {
            const expected = i < columns ? values[row * columns + i] : 0;
            const step = Math.abs(quantized.scales[row * blocks + (i >> 5)]);
            expect(Math.abs(value - expected)).toBeLessThanOrEqual(1.001 * step + 1e-40);
            if (i >= columns || expected === 0) expect(Math.abs(value)).toBe(0);
          }),
        );
      },
    ),
  );
});

it('keeps the value that is farthest from zero', () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? -3 : i / 100));
  expect(dequantize(quantizeRows(values, 32, 4), 32, 4)[0][5]).toBe(-3);
});

it('packs two numbers a byte, the first in the lower half', () => {
  const values = new Float32Array(32);
  values.set([-8, 7, 1]);
  const { numbers, scales } = quantizeRows(values, 32, 4);
  expect([scales[0], ...numbers.subarray(0, 3)]).toEqual([1, 0xf0, 0x89, 0x88]);
});

it.each([NaN, Infinity])('gives %f away by the scale', (value) => {
  const values = new Float32Array(32);
  values[9] = value;
  expect(Number.isFinite(quantizeRows(values, 32, 4).scales[0])).toBe(false);
});
