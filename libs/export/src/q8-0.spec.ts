import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeQ8 } from './q8-0.ts';

/** What `gguf.quants.quantize` of the Python package gguf 0.19 makes of them. */
const BLOCKS: [string, number[], string][] = [
  [
    'zeros',
    Array<number>(32).fill(0),
    '00000000000000000000000000000000000000000000000000000000000000000000',
  ],
  [
    'values in order',
    Array.from({ length: 32 }, (_, i) => (((i * 37) % 64) - 31) / 8),
    '08288518ad40d467fc9124b94be073089d30c457ec7f14a93cd063f88d20b547dc6f',
  ],
  [
    'halves, which go away from zero',
    [127, ...Array.from({ length: 31 }, (_, i) => i - 15.5)],
    '003c7ff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0102030405060708090a0b0c0d0e0f',
  ],
  [
    'a scale that is no normal float16',
    Array.from({ length: 32 }, (_, i) => (i - 16) * 1e-7),
    '000081899199a1a9b1b9c0c8d0d8e0e8f0f8000810182028303840474f575f676f77',
  ],
  [
    'two blocks',
    Array.from({ length: 64 }, (_, i) => Number((Math.sin(i) * 3).toFixed(4))),
    '0c26006b7312a086dd537e34bb81bc357e53db86a113746aff958def617922ac83cd0c26467f43ca82ae267a5fec8c96026c73109e87df557d32b981be377e51d985a215',
  ],
];

describe('Q8_0', () => {
  it.each(BLOCKS)('of %s is that of ggml', (_, values, bytes) => {
    expect(Buffer.from(encodeQ8(Float32Array.from(values))).toString('hex')).toBe(bytes);
  });

  it('is within half a step of every value', () => {
    const floats = fc.float({ min: -1000, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(floats, { minLength: 32, maxLength: 32 }), (values) => {
        const bytes = encodeQ8(Float32Array.from(values));
        const quantized = new Int8Array(bytes.buffer, 2);
        const step = Math.max(...values.map(Math.abs)) / 127;
        for (const [i, value] of values.entries()) {
          expect(Math.abs(quantized[i] * step - value)).toBeLessThanOrEqual(step * 0.5001);
        }
      }),
    );
  });
});
