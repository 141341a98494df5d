import { float16Values } from './dtype.ts';

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

/** float16 scale, then 32 int8. */
function decodeQ8(bytes: Uint8Array, out: Float32Array): void {
  const half = float16Values();
  for (let at = 0, i = 0; i < out.length; at += 34) {
    const scale = half[bytes[at] | (bytes[at + 1] << 8)];
    for (let j = at + 2; j < at + 34; j++) out[i++] = scale * ((bytes[j] << 24) >> 24);
  }
}

/** float16 scale and minimum, then 16 bytes: the low nibbles are the first 16 values, the high ones the rest. */
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

/** The types that can be decoded, by their number in the file. */
export const GGUF_TENSOR_TYPES: ReadonlyMap<number, GgufTensorType> = new Map([
  [0, { name: 'F32', elements: 1, bytes: 4, decode: decodeF32 }],
  [1, { name: 'F16', elements: 1, bytes: 2, decode: decodeF16 }],
  [3, { name: 'Q4_1', elements: 32, bytes: 20, decode: decodeQ4WithMinimum }],
  [8, { name: 'Q8_0', elements: 32, bytes: 34, decode: decodeQ8 }],
]);

const OTHER_NAMES: Readonly<Record<number, string>> = {
  ...{
    2: 'Q4_0',
    6: 'Q5_0',
    7: 'Q5_1',
    9: 'Q8_1',
    10: 'Q2_K',
    11: 'Q3_K',
    12: 'Q4_K',
    13: 'Q5_K',
    14: 'Q6_K',
  },
  ...{
    15: 'Q8_K',
    16: 'IQ2_XXS',
    17: 'IQ2_XS',
    18: 'IQ3_XXS',
    19: 'IQ1_S',
    20: 'IQ4_NL',
    21: 'IQ3_S',
    22: 'IQ2_S',
  },
  ...{
    23: 'IQ4_XS',
    24: 'I8',
    25: 'I16',
    26: 'I32',
    27: 'I64',
    28: 'F64',
    29: 'IQ1_M',
    30: 'BF16',
    39: 'MXFP4',
  },
};

/** The name that people know a type by, for errors. */
export function ggufTypeName(type: number): string {
  return GGUF_TENSOR_TYPES.get(type)?.name ?? OTHER_NAMES[type] ?? `number ${type}`;
}
