import { readRange } from './file-bytes.ts';
import type { GgufTensor } from './gguf-header.ts';
import { elementCount } from './tensor-layout.ts';

const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * The file interleaves the two rotary halves of each head: row 2i holds what belongs into row i, row 2i+1 what belongs
 * into row i + headRows/2.
 * @param values `[rows, columns]`, whole heads
 */
function undoRotaryPermutation(values: Float32Array, headRows: number, columns: number): Float32Array {
  const half = headRows / 2;
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length / columns; row++) {
    const inHead = row % headRows;
    const source = row - inHead + 2 * (inHead % half) + (inHead < half ? 0 : 1);
    out.set(values.subarray(source * columns, (source + 1) * columns), row * columns);
  }
  return out;
}

/**
 * Decodes a tensor in chunks of a few MiB, or of one row, or of one attention head.
 * @param permutedHeadRows rows of one head where the rows of each head are permuted, else 0
 * @throws CheckpointError when its file became shorter or unreadable
 */
export async function* decodeTensor(
  source: GgufTensor,
  permutedHeadRows: number,
): AsyncGenerator<Float32Array> {
  // A bias is one row of the file, but one value of it for each row of the weight.
  const isVector = source.shape.length === 1;
  const columns = source.shape.at(-1)!;
  const rows = elementCount(source.shape) / columns;
  const rowBytes = source.lengthBytes / rows;
  const atOnce = Math.max(1, Math.floor(CHUNK_BYTES / (4 * columns)));
  const headRows = isVector ? 1 : permutedHeadRows || 1;
  const rowsAtOnce = Math.ceil(atOnce / headRows) * headRows;
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const bytes = await readRange(source.file, source.offsetBytes + row * rowBytes, count * rowBytes);
    const values = new Float32Array(count * columns);
    source.type.decode(bytes, values);
    yield permutedHeadRows ? undoRotaryPermutation(values, permutedHeadRows, isVector ? 1 : columns) : values;
  }
}
