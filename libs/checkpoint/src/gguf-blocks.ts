import { float16Values } from './dtype.ts';
import { decodeQ4K, decodeQ5K, decodeQ6K } from './gguf-k-quants.ts';

/** How a GGUF stores a tensor: blocks of `elements` values in `bytes` bytes. */
export interface GgufTensorType {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  /** Decodes whole blocks; rounds to float32 once. */
  readonly decode: (bytes: Uint8Array, out: Float32Array) => void;
}

function decodeF32(bytes: Uint8Array, out: Float32Array): void {
  new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
}

function decodeF16(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let i = 0; i < out.length; i++) out[i] = half[bytes[2 * i] | (bytes[2 * i + 1] << 8)];
}

function decodeBF16(bytes: Uint8Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < words.length; i++) words[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24);
}

/** float16 scale, then 32 int8. */
function decodeQ8(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 34) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    for (let j = at + 2; j < at + 34; j++) out[i++] = scale * ((bytes[j] << 24) >> 24);
  }
}

/** float16 scale, then 16 bytes: the low nibbles are the first 16 values, the high ones the rest; 8 means zero. */
function decodeQ4(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 18, i += 32) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 2 + j];
      out[i + j] = scale * ((pair & 15) - 8);
      out[i + 16 + j] = scale * ((pair >> 4) - 8);
    }
  }
}

/** float16 scale and minimum, then nibbles as in Q4_0. */
function decodeQ4WithMinimum(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 20, i += 32) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    const minimum = half[bytes[at + 2] | (bytes[at + 3] << 8)];
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 4 + j];
      out[i + j] = scale * (pair & 15) + minimum;
      out[i + 16 + j] = scale * (pair >> 4) + minimum;
    }
  }
}

/** float16 scale, 32 fifth bits with the first value's lowest, then nibbles as in Q4_0; 16 means zero. */
function decodeQ5(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 22, i += 32) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    const fifth = bytes[at + 2] | (bytes[at + 3] << 8) | (bytes[at + 4] << 16) | (bytes[at + 5] << 24);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 6 + j];
      out[i + j] = scale * (((pair & 15) | (((fifth >>> j) & 1) << 4)) - 16);
      out[i + 16 + j] = scale * (((pair >> 4) | (((fifth >>> (j + 16)) & 1) << 4)) - 16);
    }
  }
}

/** float16 scale and minimum, then fifth bits and nibbles as in Q5_0. */
function decodeQ5WithMinimum(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 24, i += 32) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    const minimum = half[bytes[at + 2] | (bytes[at + 3] << 8)];
    const fifth = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 8 + j];
      out[i + j] = scale * ((pair & 15) | (((fifth >>> j) & 1) << 4)) + minimum;
      out[i + 16 + j] = scale * ((pair >> 4) | (((fifth >>> (j + 16)) & 1) << 4)) + minimum;
    }
  }
}

/** The types that can be decoded, by their number in the file (`ggml_type` of ggml.h). */
export const GGUF_TENSOR_TYPES: ReadonlyMap<number, GgufTensorType> = new Map([
  [0, { name: 'F32', elements: 1, bytes: 4, decode: decodeF32 }],
  [1, { name: 'F16', elements: 1, bytes: 2, decode: decodeF16 }],
  [30, { name: 'BF16', elements: 1, bytes: 2, decode: decodeBF16 }],
  [2, { name: 'Q4_0', elements: 32, bytes: 18, decode: decodeQ4 }],
  [3, { name: 'Q4_1', elements: 32, bytes: 20, decode: decodeQ4WithMinimum }],
  [6, { name: 'Q5_0', elements: 32, bytes: 22, decode: decodeQ5 }],
  [7, { name: 'Q5_1', elements: 32, bytes: 24, decode: decodeQ5WithMinimum }],
  [8, { name: 'Q8_0', elements: 32, bytes: 34, decode: decodeQ8 }],
  [12, { name: 'Q4_K', elements: 256, bytes: 144, decode: decodeQ4K }],
  [13, { name: 'Q5_K', elements: 256, bytes: 176, decode: decodeQ5K }],
  [14, { name: 'Q6_K', elements: 256, bytes: 210, decode: decodeQ6K }],
]);

/** The number of a type in the file, by its name. */
export function ggufTypeNumber(name: string): number {
  for (const [number, type] of GGUF_TENSOR_TYPES) if (type.name === name) return number;
  throw new RangeError(`no tensor type of GGUF is ${name}`);
}

/** By number, from 9 on; what is decoded is left out. */
const OTHER_NAMES: ReadonlyMap<number, string> = new Map([
  ...['Q8_1', 'Q2_K', 'Q3_K'].map((name, i): [number, string] => [9 + i, name]),
  ...['Q8_K', 'IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ4_NL', 'IQ3_S', 'IQ2_S', 'IQ4_XS'].map(
    (name, i): [number, string] => [15 + i, name],
  ),
  ...['I8', 'I16', 'I32', 'I64', 'F64', 'IQ1_M'].map((name, i): [number, string] => [24 + i, name]),
  ...['Q4_0_4_4', 'Q4_0_4_8', 'Q4_0_8_8', 'TQ1_0', 'TQ2_0'].map((name, i): [number, string] => [
    31 + i,
    name,
  ]),
  ...['MXFP4', 'NVFP4', 'Q1_0'].map((name, i): [number, string] => [39 + i, name]),
]);

/** The name that people know a type by, for errors. */
export function ggufTypeName(type: number): string {
  return GGUF_TENSOR_TYPES.get(type)?.name ?? OTHER_NAMES.get(type) ?? `number ${type}`;
}
