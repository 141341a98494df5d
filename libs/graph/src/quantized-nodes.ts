import { MICROSOFT_DOMAIN, type Graph } from './onnx-graph.ts';

/** Elements of a row that share a scale. */
export const QUANTIZED_BLOCK_ELEMENTS = 32;

/** Products take the activations as 8-bit integers, block by block: the fastest kernels that CPUs have. */
const INT8_ACTIVATIONS = 4;

/** A matrix `[rows, columns]` of whole numbers with a scale a block, as `MatMulNBits` of onnxruntime reads it. */
export interface QuantizedTensor {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  /** Name of the file beside the graph that holds both parts. */
  readonly file: string;
  /** `[rows, blocks, 4 · bits]` bytes; of two 4-bit numbers in a byte the first is the lower half. */
  readonly numbersOffsetBytes: number;
  /** `[rows, blocks]` fp32: a value is `scale · (number − 2^(bits−1))`. */
  readonly scalesOffsetBytes: number;
}

/** Blocks of a row, and the bytes of a row in each part. */
export function quantizedRow(
  columns: number,
  bits: QuantizedTensor['bits'],
): { blocks: number; numbersBytes: number; scalesBytes: number } {
  const blocks = Math.ceil(columns / QUANTIZED_BLOCK_ELEMENTS);
  return { blocks, numbersBytes: (blocks * QUANTIZED_BLOCK_ELEMENTS * bits) / 8, scalesBytes: 4 * blocks };
}

/** `[n, columns] → [n, rows]`, both fp32. */
export function quantizedLinearNodes(graph: Graph, x: string, tensor: QuantizedTensor): string {
  const { name, rows, columns, bits, file: location } = tensor;
  const { blocks, numbersBytes, scalesBytes } = quantizedRow(columns, bits);
  const numbers = graph.external({
    name: `${name}.numbers`,
    type: 'uint8',
    shape: [rows, blocks, numbersBytes / blocks],
    location,
    offsetBytes: tensor.numbersOffsetBytes,
    lengthBytes: rows * numbersBytes,
  });
  const scales = graph.external({
    name: `${name}.scales`,
    type: 'float32',
    shape: [rows, blocks],
    location,
    offsetBytes: tensor.scalesOffsetBytes,
    lengthBytes: rows * scalesBytes,
  });
  return graph.node(
    'MatMulNBits',
    [x, numbers, scales],
    { K: columns, N: rows, bits, block_size: QUANTIZED_BLOCK_ELEMENTS, accuracy_level: INT8_ACTIVATIONS },
    MICROSOFT_DOMAIN,
  );
}
