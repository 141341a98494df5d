import { encodeFloats } from '@blockpruner/checkpoint';

/** Elements of a block of Q8_0. */
export const Q8_0_ELEMENTS = 32;
/** A float16 scale, and an int8 for each element. */
export const Q8_0_BYTES = 2 + Q8_0_ELEMENTS;
const LARGEST = 127;

/** Halves go away from zero, as C has it. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

/**
 * Quantizes whole blocks to the bytes that `quantize_row_q8_0_ref` of ggml makes of them: all steps are in float32.
 * A value that is not finite gives a scale that is not.
 */
export function encodeQ8(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blockCount = values.length / Q8_0_ELEMENTS;
  const scales = new Float32Array(blockCount);
  const bytes = new Uint8Array(blockCount * Q8_0_BYTES);
  for (let block = 0; block < blockCount; block++) {
    const start = block * Q8_0_ELEMENTS;
    let largest = 0;
    for (let i = start; i < start + Q8_0_ELEMENTS; i++) {
      const magnitude = Math.abs(values[i]);
      // Not a number is larger than none.
      if (!(magnitude <= largest)) largest = magnitude;
    }
    const scale = Math.fround(largest / LARGEST);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    const at = block * Q8_0_BYTES + 2;
    for (let i = 0; i < Q8_0_ELEMENTS; i++) {
      bytes[at + i] = roundAway(Math.fround(values[start + i] * inverse));
    }
  }
  const halves = encodeFloats('float16', scales);
  for (let block = 0; block < blockCount; block++) {
    bytes.set(halves.subarray(2 * block, 2 * block + 2), block * Q8_0_BYTES);
  }
  return bytes;
}
