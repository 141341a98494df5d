import { readRange } from './file-bytes.ts';
import type { GgufTensor } from './gguf-header.ts';
import { elementCount } from './tensor-layout.ts';

const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * GGUF interleaves the two rotary halves of each head: row 2i holds what belongs into row i, row 2i+1 what belongs
 * into row i + headRows/2.
 * @param head `[headRows, columns]`
 */
function undoRotaryPermutation(head: Float32Array, headRows: number): Float32Array {
  const columns = head.length / headRows;
  const half = headRows / 2;
  const out = new Float32Array(head.length);
  for (let row = 0; row < headRows; row++) {
    const source = 2 * (row % half) + (row < half ? 0 : 1);
    out.set(head.subarray(source * columns, (source + 1) * columns), row * columns);
  }
  return out;
}

/**
 * Decodes a tensor in chunks of whole rows; memory use is a few MiB, or one attention head.
 * @param permutedHeadRows rows of one head where the rows of each head are permuted, else 0
 */
export async function* decodeTensor(
  file: string,
  source: GgufTensor,
  permutedHeadRows: number,
): AsyncGenerator<Float32Array> {
  const columns = source.shape.at(-1)!;
  const rows = elementCount(source.shape) / columns;
  const rowBytes = source.lengthBytes / rows;
  const rowsAtOnce = permutedHeadRows || Math.max(1, Math.floor(CHUNK_BYTES / (4 * columns)));
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const bytes = await readRange(file, source.offsetBytes + row * rowBytes, count * rowBytes);
    const values = new Float32Array(count * columns);
    source.type.decode(bytes, values);
    yield permutedHeadRows ? undoRotaryPermutation(values, permutedHeadRows) : values;
  }
}
