import { blockIndex, formatBlock } from '@blockpruner/blocks';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import { decodeFloats, dtypeBytes, type Dtype } from './dtype.ts';
import { readInto, withFile } from './file-bytes.ts';
import { blockTensors } from './tensor-layout.ts';

/** A weight that is NaN or infinite. */
export interface NonFiniteWeight {
  readonly tensor: string;
  /** Text form, `mha.3`; null for the embedding, the final norm and the head. */
  readonly block: string | null;
  /** Position in the tensor, row-major. */
  readonly element: number;
  /** `NaN`, `Infinity` or `-Infinity`. */
  readonly value: string;
}

const CHUNK_BYTES = 4 * 2 ** 20;

/** A value is NaN or infinite when all bits of its exponent are set. */
const EXPONENT_BITS: Readonly<Record<Dtype, number>> = {
  float32: 0x7f800000,
  float16: 0x7c00,
  bfloat16: 0x7f80,
};

/** Position of the first of so many encoded elements, from the start of a buffer on, that is not finite; -1 for none. */
export function nonFiniteElement(dtype: Dtype, buffer: ArrayBufferLike, count: number): number {
  const words = dtype === 'float32' ? new Uint32Array(buffer) : new Uint16Array(buffer);
  const exponentBits = EXPONENT_BITS[dtype];
  for (let i = 0; i < count; i++) {
    if ((words[i] & exponentBits) === exponentBits) return i;
  }
  return -1;
}

function tensorsWithBlocks(checkpoint: Checkpoint): [TensorLocation, string | null][] {
  const { embedding, finalNorm, head, layers } = checkpoint;
  return [
    [embedding, null],
    ...layers.flatMap(({ mha, mlp }, layer): [TensorLocation, string | null][] => [
      ...blockTensors(mha).map((tensor): [TensorLocation, string] => [
        tensor,
        formatBlock(blockIndex('mha', layer)),
      ]),
      ...blockTensors(mlp).map((tensor): [TensorLocation, string] => [
        tensor,
        formatBlock(blockIndex('mlp', layer)),
      ]),
    ]),
    [finalNorm, null],
    ...(head === embedding ? [] : [[head, null] as [TensorLocation, null]]),
  ];
}

/**
 * Looks through every weight for one that is not finite, in execution order; memory use is flat.
 * @returns the first one, or null
 * @throws CheckpointError when a file became shorter or unreadable
 */
export async function findNonFinite(
  checkpoint: Checkpoint,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Promise<NonFiniteWeight | null> {
  const tensors = tensorsWithBlocks(checkpoint);
  const totalBytes = tensors.reduce((sum, [{ lengthBytes }]) => sum + lengthBytes, 0);
  const chunk = new Uint8Array(CHUNK_BYTES);
  let doneBytes = 0;
  for (const [{ dtype, file, lengthBytes, name, offsetBytes }, block] of tensors) {
    const elementBytes = dtypeBytes(dtype);
    const found = await withFile(file, async (handle) => {
      for (let start = 0; start < lengthBytes; start += CHUNK_BYTES) {
        const part = chunk.subarray(0, Math.min(CHUNK_BYTES, lengthBytes - start));
        await readInto(handle, file, part, offsetBytes + start);
        const at = nonFiniteElement(dtype, chunk.buffer, part.length / elementBytes);
        if (at >= 0) {
          const [value] = decodeFloats(dtype, part.subarray(at * elementBytes, (at + 1) * elementBytes));
          return { tensor: name, block, element: start / elementBytes + at, value: String(value) };
        }
        doneBytes += part.length;
        onProgress?.(doneBytes, totalBytes);
      }
      return null;
    });
    if (found) return found;
  }
  return null;
}
