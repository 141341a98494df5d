import { TINY_SHAPES, tinyValues } from './tiny-model.ts';

export type GgufValue =
  | { u16: number }
  | { u32: number }
  | { i32: number }
  | { u64: bigint }
  | { f32: number }
  | { bool: boolean }
  | { string: string }
  | { strings: string[] }
  | { i32s: number[] }
  | { f32s: number[] };

export interface GgufTensorBytes {
  readonly name: string;
  /** Number of the type in the file. */
  readonly type: number;
  /** As in the file: innermost first. */
  readonly dimensions: readonly (number | bigint)[];
  readonly data: Uint8Array;
  /** Where the data is said to be; the true place when it is left out. */
  readonly offset?: number;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function scalar(type: number, bytes: number, write: (target: Buffer) => void): Buffer {
  const value = Buffer.alloc(bytes);
  write(value);
  return Buffer.concat([u32(type), value]);
}

function encodeValue(value: GgufValue): Buffer {
  if ('u16' in value) return scalar(2, 2, (bytes) => bytes.writeUInt16LE(value.u16));
  if ('i32' in value) return scalar(5, 4, (bytes) => bytes.writeInt32LE(value.i32));
  if ('u32' in value) return Buffer.concat([u32(4), u32(value.u32)]);
  if ('u64' in value) return Buffer.concat([u32(10), u64(value.u64)]);
  if ('bool' in value) return Buffer.concat([u32(7), Buffer.of(value.bool ? 1 : 0)]);
  if ('string' in value) return Buffer.concat([u32(8), text(value.string)]);
  if ('strings' in value) {
    return Buffer.concat([
      u32(9),
      u32(8),
      u64(value.strings.length),
      ...value.strings.map((entry) => text(entry)),
    ]);
  }
  if ('i32s' in value)
    return Buffer.concat([
      u32(9),
      u32(5),
      u64(value.i32s.length),
      ...value.i32s.map((entry) => u32(entry >>> 0)),
    ]);
  if ('f32s' in value) {
    const values = Buffer.from(Float32Array.from(value.f32s).buffer);
    return Buffer.concat([u32(9), u32(6), u64(value.f32s.length), values]);
  }
  return scalar(6, 4, (bytes) => bytes.writeFloatLE(value.f32));
}

/** The bytes of a GGUF file, aligned to 32. */
export function ggufBytes(
  metadata: Record<string, GgufValue>,
  tensors: readonly GgufTensorBytes[],
  version = 3,
): Buffer {
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
  const parts = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(Object.keys(metadata).length)];
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), encodeValue(value));
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(
      text(tensor.name),
      u32(tensor.dimensions.length),
      ...tensor.dimensions.map(u64),
      u32(tensor.type),
    );
    parts.push(u64(tensor.offset ?? offset));
    offset += padded(tensor.data).length;
  }
  return Buffer.concat([padded(Buffer.concat(parts)), ...tensors.map(({ data }) => padded(data))]);
}

/** A tensor of eight zeros, but for what is given. */
export function smallTensor(fields: Partial<GgufTensorBytes> = {}): GgufTensorBytes {
  return { name: 'w', type: 0, dimensions: [4, 2], data: new Uint8Array(32), ...fields };
}

const TINY_TOKENS = Array.from({ length: 24 }, (_, id) =>
  id < 3 ? `<|${id}|>` : String.fromCharCode(94 + id),
);

export const TINY_METADATA: Record<string, GgufValue> = {
  'general.architecture': { string: 'llama' },
  'llama.block_count': { u32: 2 },
  'llama.context_length': { u32: 128 },
  'llama.embedding_length': { u32: 32 },
  'llama.feed_forward_length': { u32: 64 },
  'llama.attention.head_count': { u32: 2 },
  'llama.attention.head_count_kv': { u32: 1 },
  'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
  'llama.rope.freq_base': { f32: 100000 },
  'tokenizer.ggml.model': { string: 'gpt2' },
  'tokenizer.ggml.pre': { string: 'smollm' },
  'tokenizer.ggml.tokens': { strings: TINY_TOKENS },
  'tokenizer.ggml.token_type': { i32s: TINY_TOKENS.map((_, id) => (id < 3 ? 3 : 1)) },
  'tokenizer.ggml.merges': { strings: ['a b', 'c d'] },
  'tokenizer.ggml.bos_token_id': { u32: 1 },
  'tokenizer.ggml.eos_token_id': { u32: 2 },
};

/** `[rows, columns]` as GGUF stores it: the two rotary halves of each head interleaved. */
export function interleaveHalves(values: Float32Array, headRows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length / columns; row++) {
    const [head, inHead] = [Math.floor(row / headRows), row % headRows];
    const target = head * headRows + 2 * (inHead % (headRows / 2)) + Math.floor(inHead / (headRows / 2));
    out.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return out;
}

function ggufName(name: string): string {
  const parts: [string, string][] = [
    ['model.embed_tokens', 'token_embd'],
    ['model.norm', 'output_norm'],
    ['model.layers', 'blk'],
    ['self_attn.o_proj', 'attn_output'],
    ['self_attn.', 'attn_'],
    ['mlp.', 'ffn_'],
    ['_proj', ''],
    ['input_layernorm', 'attn_norm'],
    ['post_attention_layernorm', 'ffn_norm'],
  ];
  return parts.reduce((text, [from, to]) => text.replace(from, to), name);
}

/** The tensors of a small model in float32, with the values of `tinyTensors`; heads have 16 rows. */
export function tinyGgufTensors(shapes = TINY_SHAPES, interleaved = true): GgufTensorBytes[] {
  return shapes.map(([name, shape], seed) => {
    const values = tinyValues(shape, seed);
    const permuted = interleaved && /[qk]_proj/.test(name);
    const stored = permuted ? interleaveHalves(values, 16, shape[1] ?? 1) : values;
    return {
      name: ggufName(name),
      type: 0,
      dimensions: [...shape].reverse(),
      data: new Uint8Array(stored.buffer),
    };
  });
}

/** The metadata of the tiny model for another architecture, which prefixes its keys. */
export function tinyMetadataOf(architecture: string): Record<string, GgufValue> {
  const entries = Object.entries(TINY_METADATA).map(([key, value]): [string, GgufValue] => [
    key.replace(/^llama\./, `${architecture}.`),
    value,
  ]);
  return { ...Object.fromEntries(entries), 'general.architecture': { string: architecture } };
}

/** `rope_freqs.weight` for the llama3 scaling with the parameters of Llama 3.1, as convert_hf_to_gguf.py computes it. */
export function llama3Divisors(theta: number, headSize: number, factor: number): number[] {
  return Array.from({ length: headSize / 2 }, (_, pair) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * pair) / headSize);
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192) return factor;
    const smooth = (8192 / wavelength - 1) / (4 - 1);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

const MIXED_HIDDEN = 256;

/** One layer of width 256, wide enough for K-quants. */
export const MIXED_METADATA: Record<string, GgufValue> = {
  ...TINY_METADATA,
  'llama.block_count': { u32: 1 },
  'llama.embedding_length': { u32: MIXED_HIDDEN },
  'llama.feed_forward_length': { u32: MIXED_HIDDEN },
};

/** Name, type, bytes of a block, elements of a block, rows. */
const MIXED_TENSORS: [string, number, number, number, number][] = [
  ['token_embd', 30, 2, 1, 24],
  ['blk.0.attn_norm', 1, 2, 1, 1],
  ['blk.0.attn_q', 2, 18, 32, 256],
  ['blk.0.attn_k', 6, 22, 32, 128],
  ['blk.0.attn_v', 7, 24, 32, 128],
  ['blk.0.attn_output', 8, 34, 32, 256],
  ['blk.0.ffn_norm', 0, 4, 1, 1],
  ['blk.0.ffn_gate', 12, 144, 256, 256],
  ['blk.0.ffn_up', 13, 176, 256, 256],
  ['blk.0.ffn_down', 14, 210, 256, 256],
  ['output_norm', 1, 2, 1, 1],
];

/** A model in which nearly every tensor has another type; its bytes are arbitrary, below 0x40 so that all is finite. */
export function mixedGgufTensors(): GgufTensorBytes[] {
  return MIXED_TENSORS.map(([name, type, bytes, elements, rows], seed) => ({
    name: `${name}.weight`,
    type,
    dimensions: rows === 1 ? [MIXED_HIDDEN] : [MIXED_HIDDEN, rows],
    data: Uint8Array.from({ length: (rows * MIXED_HIDDEN * bytes) / elements }, (_, i) => {
      return (i * 37 + seed * 11 + (i >> 6)) % 64;
    }),
  }));
}

/** The parts that llama.cpp's gguf-split makes, as named files: the metadata is in the first one only. */
export function splitGguf(
  name: string,
  partCount: number,
  metadata = TINY_METADATA,
  tensors = tinyGgufTensors(),
): { name: string; bytes: Buffer }[] {
  return Array.from({ length: partCount }, (_, index) => {
    const split: Record<string, GgufValue> = {
      'split.no': { u16: index },
      'split.count': { u16: partCount },
      'split.tensors.count': { i32: tensors.length },
    };
    const own = tensors.filter((_, i) => Math.floor((i * partCount) / tensors.length) === index);
    return {
      name: partName(name, index + 1, partCount),
      bytes: ggufBytes(index === 0 ? { ...metadata, ...split } : split, own),
    };
  });
}

export function partName(name: string, part: number, partCount: number): string {
  const digits = (number: number) => String(number).padStart(5, '0');
  return `${name}-${digits(part)}-of-${digits(partCount)}.gguf`;
}
