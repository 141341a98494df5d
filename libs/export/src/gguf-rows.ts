import {
  dtypeBytes,
  encodeFloats,
  type Dtype,
  type GgufTensor,
  type TensorLocation,
} from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import type { GgufOutput } from './gguf-encoding.ts';
import { encodeQ8, Q8_0_BYTES, Q8_0_ELEMENTS } from './q8-0.ts';
import {
  floatRows,
  readArranged,
  sourceTensor,
  zeroTensor,
  type FloatTensor,
  type RowChange,
} from './source-rows.ts';

const FLOAT_TYPES: Readonly<Record<Dtype, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/** The dtype of a type of plain floats; undefined for any other. */
export function floatTypeDtype(typeName: string): Dtype | undefined {
  return (Object.keys(FLOAT_TYPES) as Dtype[]).find((dtype) => FLOAT_TYPES[dtype] === typeName);
}

/** The infinities and what is no number, among the bits of a float16. */
const HALF_EXPONENT = 0x7c;

function typed(tensor: FloatTensor): GgufOutput {
  return { ...tensor, typeName: FLOAT_TYPES[tensor.dtype] };
}

/** A tensor in plain floats. */
export function floatOutput(
  name: string,
  source: TensorLocation,
  dtype: Dtype,
  change: RowChange,
): GgufOutput {
  return typed(sourceTensor(name, source, dtype, change));
}

/** Whether a row can be cut into blocks of Q8_0. */
export function fitsQ8(shape: readonly number[]): boolean {
  return shape.at(-1)! % Q8_0_ELEMENTS === 0;
}

/**
 * A tensor in Q8_0.
 * @throws ExportError from `readRows`, when a block has no scale
 */
export function q8Output(name: string, source: TensorLocation, change: RowChange): GgufOutput {
  const rows = floatRows(source, change);
  const { rowCount, rowElements, shape } = rows;
  return {
    name,
    shape,
    typeName: 'Q8_0',
    rowCount,
    rowBytes: (rowElements / Q8_0_ELEMENTS) * Q8_0_BYTES,
    async readRows(first, count) {
      const bytes = encodeQ8(await rows.readFloats(first, count));
      for (let at = 0; at < bytes.length; at += Q8_0_BYTES) {
        if ((bytes[at + 1] & HALF_EXPONENT) !== HALF_EXPONENT) continue;
        const element = first * rowElements + (at / Q8_0_BYTES) * Q8_0_ELEMENTS;
        throw new ExportError(
          `tensor ${source.name}: elements from ${element} on are beyond what Q8_0 scales: choose --dtype fp32`,
        );
      }
      return bytes;
    },
  };
}

/** A tensor of another GGUF as it is there. */
export function copiedOutput(
  name: string,
  { file, lengthBytes, offsetBytes, shape, type }: GgufTensor,
  rowOrder?: (row: number) => number,
): GgufOutput {
  const rowCount = shape.length === 1 ? 1 : shape[0];
  const rowBytes = lengthBytes / rowCount;
  return {
    ...{ name, shape, typeName: type.name, rowCount, rowBytes },
    readRows: (first, count) =>
      readArranged({ file, offsetBytes, rowCount, rowBytes }, { first, count }, rowBytes, rowOrder),
  };
}

/** A tensor of zeros, which every type says with bytes of zero. */
export function zeroOutput(name: string, shape: readonly number[], typeName: string): GgufOutput {
  const dtype = floatTypeDtype(typeName);
  if (dtype !== undefined) return typed(zeroTensor(name, shape, dtype));
  const rowBytes = (shape.at(-1)! / Q8_0_ELEMENTS) * Q8_0_BYTES;
  return {
    ...{ name, shape, typeName: 'Q8_0', rowCount: shape[0], rowBytes },
    readRows: (_, count) => Promise.resolve(new Uint8Array(count * rowBytes)),
  };
}

/** A vector whose values are at hand, in F32. */
export function vectorOutput(name: string, values: Float32Array): GgufOutput {
  const bytes = encodeFloats('float32', values);
  return {
    ...{ name, shape: [values.length], typeName: 'F32', rowCount: 1 },
    rowBytes: values.length * dtypeBytes('float32'),
    readRows: () => Promise.resolve(bytes),
  };
}
