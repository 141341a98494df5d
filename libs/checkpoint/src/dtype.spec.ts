import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFloats, encodeFloats, type Dtype } from './dtype.ts';

const everyPattern = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);

function bitsOf(dtype: Dtype, value: number): number {
  const [low, high] = encodeFloats(dtype, Float32Array.of(value));
  return low | (high << 8);
}

describe('16-bit floats', () => {
  it.each<Dtype>(['float16', 'bfloat16'])(
    'every %s that is not NaN survives decoding and encoding',
    (dtype) => {
      const values = decodeFloats(dtype, everyPattern);
      const again = new Uint16Array(encodeFloats(dtype, values).buffer);
      const changed = [...again.keys()].filter((bits) => !Number.isNaN(values[bits]) && again[bits] !== bits);
      expect(changed).toEqual([]);
      expect(values.filter(Number.isNaN).length).toBe(dtype === 'float16' ? 2 * 1023 : 2 * 127);
    },
  );

  it.each<Dtype>(['float16', 'bfloat16'])('a NaN stays NaN in %s', (dtype) => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    expect(decodeFloats(dtype, encodeFloats(dtype, nan)).every(Number.isNaN)).toBe(true);
  });

  it('known values have their known bits', () => {
    expect(
      [1, -2, 65504, 65519.99, 65520, 2 ** -24, 2 ** -25, 6.1e-5].map((value) => bitsOf('float16', value)),
    ).toEqual([0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 1, 0, 0x3ff]);
    expect([1, -2, 3.4e38, Infinity].map((value) => bitsOf('bfloat16', value))).toEqual([
      0x3f80, 0xc000, 0x7f80, 0x7f80,
    ]);
  });

  it('halfway values round to the even neighbour', () => {
    expect(
      [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1.5 * 2 ** -24, 2.5 * 2 ** -24].map((v) => bitsOf('float16', v)),
    ).toEqual([0x3c00, 0x3c02, 2, 2]);
    expect([1 + 2 ** -8, 1 + 3 * 2 ** -8].map((value) => bitsOf('bfloat16', value))).toEqual([
      0x3f80, 0x3f82,
    ]);
  });

  it.each<[Dtype, number]>([
    ['float16', 65504],
    ['bfloat16', 3.38e38],
  ])('encoding to %s picks the nearest value', (dtype, largest) => {
    const range = { noNaN: true, min: Math.fround(-largest), max: Math.fround(largest) };
    fc.assert(
      fc.property(fc.float(range), (value) => {
        const bits = bitsOf(dtype, value);
        const neighbours = Uint16Array.of(bits, bits + 1, Math.max(bits - 1, bits & 0x8000));
        const [chosen, ...others] = decodeFloats(dtype, new Uint8Array(neighbours.buffer));
        for (const other of others)
          expect(Math.abs(chosen - value)).toBeLessThanOrEqual(Math.abs(other - value));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('float32', () => {
  it('keeps every bit, from bytes at any alignment', () => {
    const values = Float32Array.of(1.5, -0, 1e-42, Infinity);
    const shifted = new Uint8Array(17);
    shifted.set(encodeFloats('float32', values), 1);
    expect(decodeFloats('float32', shifted.subarray(1))).toEqual(values);
  });

  it('encodes only what a view shows, and shares no memory with it', () => {
    const values = Float32Array.of(1, 2, 3);
    const bytes = encodeFloats('float32', values.subarray(1, 2));
    values.fill(9);
    expect(decodeFloats('float32', bytes)).toEqual(Float32Array.of(2));
  });

  it('refuses bytes that are not whole elements', () => {
    expect(() => decodeFloats('float32', new Uint8Array(6))).toThrow(
      '6 bytes are not a whole number of float32',
    );
  });
});
