import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFloats } from '../src/index.ts';
import { rawSafetensors, type RawTensor } from './raw-safetensors.ts';
import { TINY_CONFIG, TINY_SHAPES, tinyValues } from './tiny-model.ts';

/** A quantized tiny model: what its file holds, and the values that its linear weights stand for. */
export interface TinyQuantized {
  readonly config: Record<string, unknown>;
  readonly tensors: RawTensor[];
  /** By name, of every tensor of the model. */
  readonly expected: ReadonlyMap<string, Float32Array>;
}

const GROUP = 16;
const AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7];

const isLinear = (name: string, shape: readonly number[]) => shape.length === 2 && !name.includes('embed');
const float = (name: string, shape: readonly number[], values: Float32Array): RawTensor => {
  return { name, dtype: 'F32', shape, data: encodeFloats('float32', values) };
};
const int32 = (name: string, shape: readonly number[], words: Int32Array): RawTensor => {
  return { name, dtype: 'I32', shape, data: new Uint8Array(words.buffer) };
};

type Quantize = (module: string, shape: number[], seed: number) => [RawTensor[], Float32Array];

function quantized(config: Record<string, unknown>, quantize: Quantize, shapes = TINY_SHAPES): TinyQuantized {
  const tensors: RawTensor[] = [];
  const expected = new Map<string, Float32Array>();
  for (const [seed, [name, shape]] of shapes.entries()) {
    const values = tinyValues(shape, seed);
    const [made, decoded] = isLinear(name, shape)
      ? quantize(name.replace('.weight', ''), shape, seed)
      : [[float(name, shape, values)], values];
    tensors.push(...made);
    expected.set(name, decoded);
  }
  return { config, tensors, expected };
}

/** The value of an element is `scale * (code - zero)`; every number is a small multiple of a power of two. */
function int4(out: number, width: number, seed: number, groupOf: (input: number) => number) {
  const code = (o: number, i: number) => (o * 7 + i * 5 + seed * 3) % 16;
  const zero = (g: number, o: number) => (g * 3 + o + seed) % 16;
  const scale = (g: number, o: number) => (1 + ((g + o) % 7)) / 64;
  const groups = width / GROUP;
  const decoded = Float32Array.from({ length: out * width }, (_, at) => {
    const [o, i] = [Math.floor(at / width), at % width];
    return scale(groupOf(i), o) * (code(o, i) - zero(groupOf(i), o));
  });
  const scales = Float32Array.from({ length: groups * out }, (_, at) =>
    scale(Math.floor(at / out), at % out),
  );
  return { code, zero, decoded, groups, scales: encodeFloats('float16', scales) };
}

/** Eight values a word, the n-th at nibble n. */
function words(rows: number, columns: number, value: (row: number, column: number, n: number) => number) {
  return Int32Array.from({ length: rows * columns }, (_, at) => {
    let word = 0;
    for (let n = 0; n < 8; n++) word |= value(Math.floor(at / columns), at % columns, n) << (4 * n);
    return word;
  });
}

/** `actOrder` gives every other input to the other group. */
export function tinyGptq(fields: Record<string, unknown> = {}, actOrder = false): TinyQuantized {
  const config = { quant_method: 'gptq', bits: 4, group_size: GROUP, desc_act: actOrder, ...fields };
  return quantized(config, (module, [out, width], seed) => {
    const groupOf = (i: number) => (actOrder ? i % (width / GROUP) : Math.floor(i / GROUP));
    const { code, zero, decoded, groups, scales } = int4(out, width, seed, groupOf);
    const qweight = words(width / 8, out, (w, o, n) => code(o, 8 * w + n));
    const qzeros = words(groups, out / 8, (g, w, n) => (zero(g, 8 * w + n) + 15) % 16);
    const index = Int32Array.from({ length: width }, (_, i) => groupOf(i));
    const tensors = [
      int32(`${module}.qweight`, [width / 8, out], qweight),
      int32(`${module}.qzeros`, [groups, out / 8], qzeros),
      { name: `${module}.scales`, dtype: 'F16', shape: [groups, out], data: scales },
      int32(`${module}.g_idx`, [width], index),
      // AutoGPTQ writes one whether the model has it or not.
      { name: `${module}.bias`, dtype: 'F16', shape: [out], data: new Uint8Array(2 * out) },
    ];
    return [tensors, decoded];
  });
}

/** With a head of its own, which is quantized too. */
export function tinyAwq(): TinyQuantized {
  const config = { quant_method: 'awq', bits: 4, group_size: GROUP, version: 'gemm', zero_point: true };
  const quantize: Quantize = (module, [out, width], seed) => {
    const { code, zero, decoded, groups, scales } = int4(out, width, seed, (i) => Math.floor(i / GROUP));
    const tensors = [
      int32(
        `${module}.qweight`,
        [width, out / 8],
        words(width, out / 8, (i, w, n) => code(8 * w + AWQ_ORDER[n], i)),
      ),
      int32(
        `${module}.qzeros`,
        [groups, out / 8],
        words(groups, out / 8, (g, w, n) => zero(g, 8 * w + AWQ_ORDER[n])),
      ),
      { name: `${module}.scales`, dtype: 'F16', shape: [groups, out], data: scales },
    ];
    return [tensors, decoded];
  };
  return quantized(config, quantize, [...TINY_SHAPES, ['lm_head.weight', [24, 32]]]);
}

/** Codes of e4m3 that stand for 1 to 15 eighths. */
const EIGHTHS = [0, 0x20, 0x28, 0x2c, 0x30, 0x32, 0x34, 0x36, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f];

/** Scales of blocks of 16 x 16 as transformers names them, or of rows as compressed-tensors does. */
export function tinyFp8(kind: 'blocks' | 'rows'): TinyQuantized {
  const config =
    kind === 'blocks'
      ? { quant_method: 'fp8', activation_scheme: 'dynamic', weight_block_size: [16, 16] }
      : {
          quant_method: 'compressed-tensors',
          format: 'float-quantized',
          config_groups: { group_0: { weights: { num_bits: 8, type: 'float', strategy: 'channel' } } },
          ignore: ['lm_head'],
        };
  return quantized(config, (module, [out, width], seed) => {
    const eighths = (at: number) => (at * 5 + seed) % 16;
    const [rows, columns] = kind === 'blocks' ? [out / 16, width / 16] : [out, 1];
    const scale = (row: number, column: number) => (1 + ((row + 3 * column) % 5)) / 4;
    const scaleAt = (at: number) => {
      const row = Math.floor(at / width);
      return kind === 'blocks' ? scale(Math.floor(row / 16), Math.floor((at % width) / 16)) : scale(row, 0);
    };
    const size = { length: out * width };
    const scales = Float32Array.from({ length: rows * columns }, (_, at) =>
      scale(Math.floor(at / columns), at % columns),
    );
    const suffix = kind === 'blocks' ? 'weight_scale_inv' : 'weight_scale';
    const tensors = [
      {
        name: `${module}.weight`,
        dtype: 'F8_E4M3',
        shape: [out, width],
        data: Uint8Array.from(size, (_, at) => EIGHTHS[eighths(at)]),
      },
      {
        name: `${module}.${suffix}`,
        dtype: 'BF16',
        shape: [rows, columns],
        data: encodeFloats('bfloat16', scales),
      },
    ];
    return [tensors, Float32Array.from(size, (_, at) => (eighths(at) / 8) * scaleAt(at))];
  });
}

/** Writes config.json with `quantization_config`, and the weights. */
export function writeQuantized(
  folder: string,
  { config, tensors }: TinyQuantized,
  fields: Record<string, unknown> = {},
): string {
  const tie_word_embeddings = !tensors.some(({ name }) => name.startsWith('lm_head'));
  const values = { ...TINY_CONFIG, tie_word_embeddings, quantization_config: config, ...fields };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(values));
  writeFileSync(join(folder, 'model.safetensors'), rawSafetensors(tensors));
  return folder;
}
