import { CheckpointError } from './checkpoint-error.ts';

/** Element types of weights that can be read and written; all little-endian. */
export type Dtype = 'float32' | 'float16' | 'bfloat16';

export function dtypeBytes(dtype: Dtype): number {
  return dtype === 'float32' ? 4 : 2;
}

let halfTable: Float32Array | undefined;

/** The value of each of the 65,536 float16 bit patterns. */
export function float16Values(): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
  return halfTable;
}

/** The float16 bits nearest to a float32, given its bits and its magnitude; ties go to the even one. */
function float16Bits(bits: number, magnitude: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  if (rest >= 0x477ff000) return sign | 0x7c00; // 65520, halfway above the largest float16
  if (rest >= 0x38800000) return sign | ((rest + 0xfff + ((rest >> 13) & 1) - 0x38000000) >>> 13);
  const scaled = magnitude * 2 ** 24;
  const floor = Math.floor(scaled);
  const roundUp = scaled - floor > 0.5 || (scaled - floor === 0.5 && floor % 2 === 1);
  return sign | (floor + (roundUp ? 1 : 0));
}

function bfloat16Bits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Rounds to the nearest value of the dtype, ties to even; magnitudes beyond its range become infinite. */
export function encodeFloats(dtype: Dtype, values: Float32Array): Uint8Array {
  const copy = values.slice();
  if (dtype === 'float32') return new Uint8Array(copy.buffer);
  const words = new Uint32Array(copy.buffer);
  const out = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) {
    out[i] = dtype === 'float16' ? float16Bits(words[i], Math.abs(copy[i])) : bfloat16Bits(words[i]);
  }
  return new Uint8Array(out.buffer);
}

/**
 * Widens to float32, which is exact. The result shares no memory with `bytes`.
 * @throws CheckpointError when the length is not a whole number of elements
 */
export function decodeFloats(dtype: Dtype, bytes: Uint8Array): Float32Array {
  if (bytes.length % dtypeBytes(dtype) !== 0) {
    throw new CheckpointError(
      'malformed',
      `${bytes.length} bytes are not a whole number of ${dtype} elements`,
    );
  }
  const { buffer } = new Uint8Array(bytes);
  if (dtype === 'float32') return new Float32Array(buffer);
  const halves = new Uint16Array(buffer);
  const out = new Float32Array(halves.length);
  if (dtype === 'float16') {
    const values = float16Values();
    for (let i = 0; i < halves.length; i++) out[i] = values[halves[i]];
  } else {
    const words = new Uint32Array(out.buffer);
    for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  }
  return out;
}
