import {
  decodeFloats,
  dtypeBytes,
  elementCount,
  encodeFloats,
  nonFiniteElement,
  readRange,
  type Dtype,
  type TensorLocation,
} from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import type { PlannedTensor } from './planned-tensor.ts';

/** What becomes of a tensor of the source. */
export interface RowChange {
  /** The values are multiplied by it; 1, which is the default, leaves them. */
  readonly factor?: number;
  /** The shape that is written, of the same rank and no smaller: what the source lacks is zero. */
  readonly shape?: readonly number[];
  /**
   * The row of the source that becomes row `row`, or the element of a vector; they stay where they are where absent.
   * Rows that move stay near, as those of one head: what lies between is read at once.
   */
  readonly rowOrder?: (row: number) => number;
}

/** The values of a tensor, any run of rows on its own. Rows are as those of a `PlannedTensor`: a vector is one. */
export interface FloatRows {
  /** In the source. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly rowCount: number;
  readonly rowElements: number;
  /** `count` rows from `first` on, `[count, rowElements]`. */
  readFloats(first: number, count: number): Promise<Float32Array>;
}

/** A tensor that is written as plain floats. */
export interface FloatTensor extends PlannedTensor {
  readonly dtype: Dtype;
}

/** The values that are written for a tensor of the source, before any encoding. */
export function floatRows(source: TensorLocation, change: RowChange = {}): FloatRows {
  const { factor = 1, shape = source.shape } = change;
  return {
    name: source.name,
    shape,
    ...rowsOf(shape),
    async readFloats(first, count) {
      const values = decodeFloats(source.dtype, await arrangedRows(source, change, first, count));
      if (factor !== 1) for (let i = 0; i < values.length; i++) values[i] *= factor;
      return values;
    },
  };
}

/**
 * A tensor of the source as it is written. Where neither values nor dtype change, its bytes are copied.
 * @param name in the export
 * @throws ExportError from `readRows`, when a value is not finite in the dtype
 */
export function sourceTensor(
  name: string,
  source: TensorLocation,
  dtype: Dtype,
  change: RowChange = {},
): FloatTensor {
  const rows = floatRows(source, change);
  const { rowCount, rowElements, shape } = rows;
  const isCopy = dtype === source.dtype && (change.factor ?? 1) === 1;
  return {
    name,
    dtype,
    shape,
    rowCount,
    rowBytes: rowElements * dtypeBytes(dtype),
    readRows: isCopy
      ? (first, count) => arrangedRows(source, change, first, count)
      : async (first, count) => {
          const values = await rows.readFloats(first, count);
          const bytes = encodeFloats(dtype, values);
          const at = nonFiniteElement(dtype, bytes.buffer, values.length);
          if (at >= 0) throw outOfRange(source.name, first * rowElements + at, values[at], dtype);
          return bytes;
        },
  };
}

/** A tensor of zeros. */
export function zeroTensor(name: string, shape: readonly number[], dtype: Dtype): FloatTensor {
  const { rowCount, rowElements } = rowsOf(shape);
  const rowBytes = rowElements * dtypeBytes(dtype);
  return {
    name,
    dtype,
    shape,
    rowCount,
    rowBytes,
    readRows: (_, count) => Promise.resolve(new Uint8Array(count * rowBytes)),
  };
}

function rowsOf(shape: readonly number[]): { rowCount: number; rowElements: number } {
  return shape.length === 1
    ? { rowCount: 1, rowElements: shape[0] }
    : { rowCount: shape[0], rowElements: elementCount(shape.slice(1)) };
}

/** Rows in the dtype of the source, in their new order and padded. */
function arrangedRows(
  source: TensorLocation,
  { shape = source.shape, rowOrder }: RowChange,
  first: number,
  count: number,
): Promise<Uint8Array> {
  // A vector moves and grows by elements: as if each were a row.
  const isVector = shape.length === 1;
  const rowBytes = (of: readonly number[]) => elementCount(of.slice(1)) * dtypeBytes(source.dtype);
  const run = isVector ? { first: 0, count: count * shape[0] } : { first, count };
  const { file, offsetBytes } = source;
  return readArranged(
    { file, offsetBytes, rowCount: source.shape[0], rowBytes: rowBytes(source.shape) },
    run,
    rowBytes(shape),
    rowOrder,
  );
}

/** A run of rows as they lie in a file. */
interface StoredRows extends Pick<TensorLocation, 'file' | 'offsetBytes'> {
  readonly rowCount: number;
  readonly rowBytes: number;
}

/**
 * The bytes of rows in another order, and with zeros behind each where more bytes are written.
 * @param rowOrder as of a `RowChange`
 */
export async function readArranged(
  source: StoredRows,
  { first, count }: { readonly first: number; readonly count: number },
  writtenRowBytes: number,
  rowOrder?: (row: number) => number,
): Promise<Uint8Array> {
  const { file, offsetBytes, rowBytes } = source;
  const liveCount = Math.max(0, Math.min(count, source.rowCount - first));
  const readRows = (from: number, to: number) =>
    readRange(file, offsetBytes + from * rowBytes, (to - from) * rowBytes);
  if (!rowOrder && liveCount === count && writtenRowBytes === rowBytes) return readRows(first, first + count);
  const arranged = new Uint8Array(count * writtenRowBytes);
  if (liveCount === 0) return arranged;
  const order = Array.from({ length: liveCount }, (_, i) => (rowOrder ? rowOrder(first + i) : first + i));
  const from = order.reduce((least, row) => Math.min(least, row));
  const to = order.reduce((most, row) => Math.max(most, row)) + 1;
  const read = await readRows(from, to);
  order.forEach((row, i) => {
    arranged.set(read.subarray((row - from) * rowBytes, (row - from + 1) * rowBytes), i * writtenRowBytes);
  });
  return arranged;
}

const LARGEST: Readonly<Record<Dtype, string>> = {
  float16: 'the largest of fp16 is 65504: choose --dtype bf16 or fp32',
  bfloat16: 'the largest of bf16 is 3.39e+38: choose --dtype fp32',
  float32: 'the largest of fp32 is 3.40e+38: the model itself is damaged',
};

function outOfRange(tensor: string, element: number, value: number, dtype: Dtype): ExportError {
  return Number.isFinite(value)
    ? new ExportError(`tensor ${tensor}: element ${element} is ${value}, ${LARGEST[dtype]}`)
    : new ExportError(`tensor ${tensor}: element ${element} is ${value}: the model itself is damaged`);
}
