import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorFile, type PlannedTensor } from './planned-tensor.ts';

/** A tensor whose bytes count up from `seed`. */
function counting(seed: number, rowCount: number, rowBytes: number): PlannedTensor {
  return {
    name: `t${seed}`,
    shape: [rowCount, rowBytes],
    rowCount,
    rowBytes,
    readRows: (first, count) =>
      Promise.resolve(Uint8Array.from({ length: count * rowBytes }, (_, i) => seed + first * rowBytes + i)),
  };
}

describe('a file of tensors', () => {
  it('has every tensor at a multiple of the alignment, ends at one, and is the same from any byte on', async () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 })), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.constantFrom(1, 8, 32),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (rows, alignment, share) => {
          const header = new Uint8Array(2 * alignment).fill(7);
          const tensors = rows.map(([rowCount, rowBytes], i) => counting(i, rowCount, rowBytes));
          const file = tensorFile('f', header, tensors, alignment);
          const from = async (offset: number) => {
            const chunks: Uint8Array[] = [];
            for await (const chunk of file.read(offset)) chunks.push(chunk);
            return Buffer.concat(chunks);
          };
          const whole = await from(0);
          expect(whole.length).toBe(file.sizeBytes);
          expect(whole.length % alignment).toBe(0);
          const offset = Math.floor(share * whole.length);
          expect(await from(offset)).toEqual(whole.subarray(offset));
          let at = header.length;
          for (const tensor of tensors) {
            const { rowBytes, rowCount } = tensor;
            const bytes = await tensor.readRows(0, rowCount);
            expect(whole.subarray(at, at + bytes.length)).toEqual(Buffer.from(bytes));
            const padded = Math.ceil((rowCount * rowBytes) / alignment) * alignment;
            expect(whole.subarray(at + bytes.length, at + padded).every((byte) => byte === 0)).toBe(true);
            at += padded;
          }
        },
      ),
    );
  });
});
