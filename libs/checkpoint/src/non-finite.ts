import { blockIndex, formatBlock } from '@blockpruner/blocks';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import { decodeFloats, dtypeBytes, type Dtype } from './dtype.ts';
import { readInto, withFile } from './file-bytes.ts';
import { blockTensors } from './tensor-layout.ts';

/** Called as weights are looked through. */
type ScanProgress = (doneBytes: number, totalBytes: number) => void;

/** A weight that is NaN, infinite or too large. */
export interface NonFiniteWeight {
  readonly tensor: string;
  /** Text form, `mha.3`; null for the embedding, the final norm and the head. */
  readonly block: string | null;
  /** Position in the tensor, row-major. */
  readonly element: number;
  /** `NaN`, `Infinity`, `-Infinity`, or the number. */
  readonly value: string;
}

const CHUNK_BYTES = 4 * 2 ** 20;

/** Bits of a value without its sign, from which on it is looked for: magnitudes are in the order of their bits. */
type Bounds = Readonly<Record<Dtype, number>>;

/** All bits of the exponent are set. */
const NON_FINITE: Bounds = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 };
/** 65520, halfway above the largest float16, and the first bfloat16 above that. */
const BEYOND_FLOAT16: Bounds = { float32: 0x477ff000, float16: 0x7c00, bfloat16: 0x4780 };

/** Position of the first of `count` elements whose magnitude reaches the bound; -1 when none does. */
function firstReaching(bounds: Bounds, dtype: Dtype, buffer: ArrayBufferLike, count: number): number {
  const words = dtype === 'float32' ? new Uint32Array(buffer) : new Uint16Array(buffer);
  const magnitude = dtype === 'float32' ? 0x7fffffff : 0x7fff;
  for (let i = 0; i < count; i++) {
    if ((words[i] & magnitude) >= bounds[dtype]) return i;
  }
  return -1;
}

/** Position of the first of `count` elements that is NaN or infinite; -1 when none is. */
export function nonFiniteElement(dtype: Dtype, buffer: ArrayBufferLike, count: number): number {
  return firstReaching(NON_FINITE, dtype, buffer, count);
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
export function findNonFinite(
  checkpoint: Checkpoint,
  onProgress?: ScanProgress,
): Promise<NonFiniteWeight | null> {
  return findWeight(checkpoint, NON_FINITE, onProgress);
}

/** Looks for a weight that is infinite once it is rounded to float16, as `findNonFinite` does. */
export function findBeyondFloat16(
  checkpoint: Checkpoint,
  onProgress?: ScanProgress,
): Promise<NonFiniteWeight | null> {
  return findWeight(checkpoint, BEYOND_FLOAT16, onProgress);
}

async function findWeight(
  checkpoint: Checkpoint,
  bounds: Bounds,
  onProgress?: ScanProgress,
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
        const at = firstReaching(bounds, dtype, chunk.buffer, part.length / elementBytes);
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
