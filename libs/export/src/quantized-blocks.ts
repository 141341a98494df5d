import { QUANTIZED_BLOCK_ELEMENTS, quantizedRow, type QuantizedTensor } from '@blockpruner/graph';

/** Rows of whole numbers with a scale a block, in the parts that `MatMulNBits` reads. */
export interface QuantizedRows {
  readonly numbers: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * Quantizes rows by rounding to the nearest. The value of a block that is farthest from zero becomes the least number,
 * which reaches one step farther than the most; zero is exact. A row that ends within a block goes on with zeros.
 * @param values `[rows, columns]`; one that is not finite gives a scale that is not
 */
export function quantizeRows(
  values: Float32Array,
  columns: number,
  bits: QuantizedTensor['bits'],
): QuantizedRows {
  const rows = values.length / columns;
  const { blocks, numbersBytes } = quantizedRow(columns, bits);
  const numbers = new Uint8Array(rows * numbersBytes);
  const scales = new Float32Array(rows * blocks);
  const middle = 2 ** (bits - 1);
  const perByte = 8 / bits;
  for (let block = 0; block < rows * blocks; block++) {
    const row = Math.floor(block / blocks);
    const start = row * columns + (block - row * blocks) * QUANTIZED_BLOCK_ELEMENTS;
    const elements = values.subarray(start, Math.min(start + QUANTIZED_BLOCK_ELEMENTS, (row + 1) * columns));
    const scale = Math.fround(farthest(elements) / -middle);
    scales[block] = scale;
    for (let i = 0; i < QUANTIZED_BLOCK_ELEMENTS; i++) {
      const step = i < elements.length && scale !== 0 ? Math.round(elements[i] / scale) : 0;
      const number = Math.min(2 * middle - 1, Math.max(0, step + middle));
      const at = block * QUANTIZED_BLOCK_ELEMENTS + i;
      numbers[Math.floor(at / perByte)] |= number << (bits * (at % perByte));
    }
  }
  return { numbers, scales };
}

/** The value of the largest magnitude; not a number is larger than any. */
function farthest(values: Float32Array): number {
  let found = 0;
  for (const value of values) {
    if (Number.isNaN(value)) return value;
    if (Math.abs(value) > Math.abs(found)) found = value;
  }
  return found;
}
