import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFloats, encodeFloats, type Dtype, type TensorLocation } from '@blockpruner/checkpoint';
import { temporaryFolder } from '@blockpruner/testkit';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { floatRows, sourceTensor, zeroTensor, type FloatTensor } from './source-rows.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let count = 0;
/** A tensor in a file, behind some bytes of another. */
function store(values: number[], shape: number[], dtype: Dtype = 'float32'): TensorLocation {
  const file = join(folder.path, `${count++}.bin`);
  const bytes = encodeFloats(dtype, Float32Array.from(values));
  writeFileSync(file, Buffer.concat([Buffer.alloc(12, 7), bytes, Buffer.alloc(12, 7)]));
  return { name: 'down.weight', file, offsetBytes: 12, lengthBytes: bytes.length, dtype, shape };
}

async function all(tensor: FloatTensor): Promise<number[]> {
  return [...decodeFloats(tensor.dtype, await tensor.readRows(0, tensor.rowCount))];
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i + 1);

describe('sourceTensor', () => {
  it('is the same whatever runs of rows it is read in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ rows: fc.integer({ min: 1, max: 9 }), columns: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ rows: fc.nat(4), columns: fc.nat(4) }),
        fc.constantFrom(1, 0.5),
        fc.constantFrom<Dtype>('float32', 'float16', 'bfloat16'),
        fc.integer({ min: 1, max: 4 }),
        async ({ rows, columns }, more, factor, dtype, step) => {
          const source = store(range(rows * columns), [rows, columns]);
          const shape = [rows + more.rows, columns + more.columns];
          const tensor = sourceTensor('w', source, dtype, { factor, shape });
          expect(tensor).toMatchObject({ name: 'w', shape, rowCount: shape[0] });
          const expected = Array.from({ length: shape[0] * shape[1] }, (_, i) => {
            const [row, column] = [Math.floor(i / shape[1]), i % shape[1]];
            return row < rows && column < columns ? factor * (row * columns + column + 1) : 0;
          });
          const read: number[] = [];
          for (let first = 0; first < tensor.rowCount; first += step) {
            const bytes = await tensor.readRows(first, Math.min(step, tensor.rowCount - first));
            expect(bytes.length % tensor.rowBytes).toBe(0);
            read.push(...decodeFloats(dtype, bytes));
          }
          expect(read).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('copies bytes that nothing changes, those of a value that is not finite too', async () => {
    const source = store([NaN, -0, 1e30], [3]);
    const bytes = await sourceTensor('w', source, 'float32').readRows(0, 1);
    expect([...bytes]).toEqual([...encodeFloats('float32', Float32Array.of(NaN, -0, 1e30))]);
  });

  it('pads a vector behind its elements, in one row', async () => {
    const tensor = sourceTensor('b', store([1, 2, 3], [3]), 'float16', { shape: [5] });
    expect(tensor).toMatchObject({ rowCount: 1, rowBytes: 10 });
    expect(await all(tensor)).toEqual([1, 2, 3, 0, 0]);
  });

  it('puts rows, or elements of a vector, in another order', async () => {
    const swapped = (row: number): number => row ^ 1;
    const matrix = sourceTensor('w', store(range(8), [4, 2]), 'float32', { rowOrder: swapped });
    expect(await all(matrix)).toEqual([3, 4, 1, 2, 7, 8, 5, 6]);
    expect([...decodeFloats('float32', await matrix.readRows(3, 1))]).toEqual([5, 6]);
    const vector = sourceTensor('b', store(range(4), [4]), 'float32', { rowOrder: swapped, factor: 2 });
    expect(await all(vector)).toEqual([4, 2, 8, 6]);
  });

  it.each<[Dtype, number, number, string]>([
    [
      'float16',
      65504,
      70000,
      'element 5 is 70000, the largest of fp16 is 65504: choose --dtype bf16 or fp32',
    ],
    [
      'bfloat16',
      65504,
      3.4e38,
      'element 5 is 3.3999999521443642e+38, the largest of bf16 is 3.39e+38: choose --dtype fp32',
    ],
    ['float16', 1, NaN, 'element 5 is NaN: the model itself is damaged'],
  ])(
    'refuses in %s what is beyond it, naming the place and the way out',
    async (dtype, good, bad, message) => {
      const values = [good, good, good, good, good, bad];
      const tensor = sourceTensor('w', store(values, [3, 2]), dtype);
      expect(decodeFloats(dtype, await tensor.readRows(0, 2))).toHaveLength(4);
      await expect(tensor.readRows(2, 1)).rejects.toThrow(`tensor down.weight: ${message}`);
    },
  );

  it('refuses what a factor makes too large', async () => {
    const tensor = sourceTensor('w', store([40000], [1, 1], 'float16'), 'float16', { factor: 2 });
    await expect(tensor.readRows(0, 1)).rejects.toThrow('element 0 is 80000, the largest of fp16 is 65504');
  });
});

describe('floatRows', () => {
  it('gives the values before they are encoded', async () => {
    const rows = floatRows(store(range(6), [3, 2], 'bfloat16'), { factor: 0.5 });
    expect(rows).toMatchObject({ name: 'down.weight', rowCount: 3, rowElements: 2 });
    expect([...(await rows.readFloats(1, 2))]).toEqual([1.5, 2, 2.5, 3]);
  });
});

describe('zeroTensor', () => {
  it('is zero in every shape', async () => {
    expect(await all(zeroTensor('w', [2, 3], 'bfloat16'))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(zeroTensor('b', [4], 'float32')).toMatchObject({ rowCount: 1, rowBytes: 16 });
  });
});
