/**
 * The K-quants of ggml-quants.c: 256 values in a block, each group of 32 (or 16) with a scale of its own.
 *
 * The reference rounds to float32 after every step, here a value is rounded once, and the bits are equal all the same:
 * a float16 scale has 11 significant bits, a group's scale at most 7 and a value at most 6, so that every product fits
 * into the 24 bits of a float32; the subtraction is exact in float64, and storing its result rounds it.
 */
import { float16Values } from './dtype.ts';

const BLOCK_ELEMENTS = 256;

/**
 * Twelve bytes hold eight 6-bit scales and eight 6-bit minimums. Those of groups 0 to 3 are the low bits of bytes 0 to
 * 7; the others are the nibbles of bytes 8 to 11 with the two high bits that are left in bytes 0 to 7.
 */
function unpackScales(bytes: Uint8Array, at: number, scales: Uint8Array, minimums: Uint8Array): void {
  for (let j = 0; j < 4; j++) {
    const [scale, minimum, nibbles] = [bytes[at + j], bytes[at + 4 + j], bytes[at + 8 + j]];
    scales[j] = scale & 63;
    minimums[j] = minimum & 63;
    scales[j + 4] = (nibbles & 15) | ((scale >> 2) & 48);
    minimums[j + 4] = (nibbles >> 4) | ((minimum >> 2) & 48);
  }
}

/**
 * float16 scale and minimum, group scales, then perhaps 32 bytes of fifth bits (bit `group` of byte `j` belongs to
 * value `j` of the group), then nibbles: each 32 bytes hold two groups, the low nibbles first.
 */
function decodeGroups(bytes: Uint8Array, out: Float32Array, fifthBytes: 0 | 32): void {
  const half = float16Values();
  const [scales, minimums] = [new Uint8Array(8), new Uint8Array(8)];
  for (let at = 0, i = 0; i < out.length; at += 144 + fifthBytes, i += BLOCK_ELEMENTS) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    const minimum = half[bytes[at + 2] | (bytes[at + 3] << 8)];
    unpackScales(bytes, at + 4, scales, minimums);
    for (let group = 0; group < 8; group += 2) {
      const lowScale = scale * scales[group];
      const lowMinimum = minimum * minimums[group];
      const highScale = scale * scales[group + 1];
      const highMinimum = minimum * minimums[group + 1];
      const from = at + 16 + fifthBytes + group * 16;
      const to = i + group * 32;
      for (let j = 0; j < 32; j++) {
        const pair = bytes[from + j];
        const fifth = fifthBytes === 0 ? 0 : bytes[at + 16 + j] >> group;
        out[to + j] = lowScale * ((pair & 15) | ((fifth & 1) << 4)) - lowMinimum;
        out[to + 32 + j] = highScale * ((pair >> 4) | ((fifth & 2) << 3)) - highMinimum;
      }
    }
  }
}

export function decodeQ4K(bytes: Uint8Array, out: Float32Array): void {
  decodeGroups(bytes, out, 0);
}

/** As Q4_K, with the fifth bits. */
export function decodeQ5K(bytes: Uint8Array, out: Float32Array): void {
  decodeGroups(bytes, out, 32);
}

/**
 * 128 bytes of nibbles, 64 bytes of two high bits each, sixteen int8 group scales, float16 scale; 32 means zero. In
 * each half of 128 values, nibble byte `j` holds values `j` and `j + 64`, and byte `j` of the high bits those of
 * `j`, `j + 32`, `j + 64` and `j + 96`.
 */
export function decodeQ6K(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  const scales = new Float64Array(16);
  for (let at = 0, i = 0; i < out.length; at += 210, i += BLOCK_ELEMENTS) {
    const scale = half[bytes[at + 208] | (bytes[at + 209] << 8)];
    for (let group = 0; group < 16; group++) scales[group] = scale * ((bytes[at + 192 + group] << 24) >> 24);
    for (let part = 0; part < 2; part++) {
      const nibbles = at + part * 64;
      const high = at + 128 + part * 32;
      const to = i + part * 128;
      for (let j = 0; j < 32; j++) {
        const group = part * 8 + (j >> 4);
        const [first, second, bits] = [bytes[nibbles + j], bytes[nibbles + 32 + j], bytes[high + j]];
        out[to + j] = scales[group] * (((first & 15) | ((bits & 3) << 4)) - 32);
        out[to + 32 + j] = scales[group + 2] * (((second & 15) | ((bits & 12) << 2)) - 32);
        out[to + 64 + j] = scales[group + 4] * (((first >> 4) | (bits & 48)) - 32);
        out[to + 96 + j] = scales[group + 6] * (((second >> 4) | ((bits & 192) >> 2)) - 32);
      }
    }
  }
}
