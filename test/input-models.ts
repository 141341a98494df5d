import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rawSafetensors, type RawTensor } from '../libs/checkpoint/test/raw-safetensors.ts';
import { wordTokenizer } from './word-tokenizer.ts';

const [HIDDEN, INTERMEDIATE, VOCABULARY, LAYERS, GROUP] = [128, 256, 320, 2, 32];

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: HIDDEN,
  intermediate_size: INTERMEDIATE,
  max_position_embeddings: 512,
  num_attention_heads: 4,
  num_hidden_layers: LAYERS,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  vocab_size: VOCABULARY,
};

/** Writes a Llama whose projections are stored as `quantize` gives them, from bytes that only look random. */
function writeQuantized(
  folder: string,
  quantizationConfig: object,
  quantize: (name: string, out: number, width: number) => RawTensor[],
): void {
  const kv = HIDDEN / 2;
  const projections: [string, number, number][] = Array.from({ length: LAYERS }, (_, layer) => {
    const at = `model.layers.${layer}`;
    return [
      [`${at}.self_attn.q_proj`, HIDDEN, HIDDEN],
      [`${at}.self_attn.k_proj`, kv, HIDDEN],
      [`${at}.self_attn.v_proj`, kv, HIDDEN],
      [`${at}.self_attn.o_proj`, HIDDEN, HIDDEN],
      [`${at}.mlp.gate_proj`, INTERMEDIATE, HIDDEN],
      [`${at}.mlp.up_proj`, INTERMEDIATE, HIDDEN],
      [`${at}.mlp.down_proj`, HIDDEN, INTERMEDIATE],
    ] as [string, number, number][];
  }).flat();
  const norms = Array.from({ length: LAYERS }, (_, layer) => [
    `model.layers.${layer}.input_layernorm.weight`,
    `model.layers.${layer}.post_attention_layernorm.weight`,
  ]).flat();
  const tensors = [
    floats('model.embed_tokens.weight', [VOCABULARY, HIDDEN], (i) => pseudoRandom(i, 1) / 8),
    ...projections.flatMap(([name, out, width]) => quantize(name, out, width)),
    ...[...norms, 'model.norm.weight'].map((name) => floats(name, [HIDDEN], () => 1)),
  ];
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ ...CONFIG, quantization_config: quantizationConfig }),
  );
  writeFileSync(join(folder, 'model.safetensors'), rawSafetensors(tensors));
}

/** FP8 (e4m3) with a scale for each block of 64 x 64. */
export function writeFp8Model(folder: string): void {
  const block = 64;
  writeQuantized(folder, { quant_method: 'fp8', weight_block_size: [block, block] }, (name, out, width) => [
    e4m3(`${name}.weight`, out, width),
    floats(`${name}.weight_scale_inv`, [out / block, width / block], (i) => 0.01 + i / 1000),
  ]);
}

/** FP8 (e4m3) with a scale for each row, as compressed-tensors has it. */
export function writeFp8RowModel(folder: string): void {
  const config = { quant_method: 'compressed-tensors', format: 'float-quantized' };
  writeQuantized(folder, config, (name, out, width) => [
    e4m3(`${name}.weight`, out, width),
    floats(`${name}.weight_scale`, [out, 1], (i) => 0.01 + i / 10_000),
  ]);
}

/** Magnitudes up to 16, and no NaN. */
function e4m3(name: string, out: number, width: number): RawTensor {
  const data = Uint8Array.from({ length: out * width }, (_, i) => {
    const byte = bits(i, name.length);
    return (byte % 0x60) | (byte & 0x80);
  });
  return { name, dtype: 'F8_E4M3', shape: [out, width], data };
}

/** Eight 4-bit values a word along the input. */
export function writeGptqModel(folder: string): void {
  const config = { quant_method: 'gptq', bits: 4, group_size: GROUP, desc_act: false, sym: false };
  writeQuantized(folder, config, (name, out, width) => [
    words(`${name}.qweight`, [width / 8, out]),
    words(`${name}.qzeros`, [width / GROUP, out / 8]),
    halves(`${name}.scales`, [width / GROUP, out]),
    words(`${name}.g_idx`, [width], (i) => Math.floor(i / GROUP)),
  ]);
}

/** Eight 4-bit values a word along the output. */
export function writeAwqModel(folder: string): void {
  const config = { quant_method: 'awq', bits: 4, group_size: GROUP, version: 'gemm', zero_point: true };
  writeQuantized(folder, config, (name, out, width) => [
    words(`${name}.qweight`, [width, out / 8]),
    words(`${name}.qzeros`, [width / GROUP, out / 8]),
    halves(`${name}.scales`, [width / GROUP, out]),
  ]);
}

/** A folder whose only content is a tokenizer and the size of its vocabulary. */
export function writeTokenizerFolder(folder: string, tokenizerJson: string, vocabSize: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...CONFIG, vocab_size: vocabSize }));
  writeFileSync(join(folder, 'tokenizer.json'), tokenizerJson);
}

/** Adds a word-level tokenizer, and a chat template, to a model of this vocabulary. */
export function addTokenizer(folder: string, textFile: string, vocabSize = VOCABULARY): void {
  writeFileSync(join(folder, 'tokenizer.json'), wordTokenizer(readFileSync(textFile, 'utf8'), vocabSize));
  const template = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}';
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: template }));
}

function bits(i: number, salt: number): number {
  return Math.imul(i + 1, 2654435761 + 2 * salt) >>> 24;
}

/** From -1 to 1. */
function pseudoRandom(i: number, salt: number): number {
  return bits(i, salt) / 128 - 1;
}

function floats(name: string, shape: readonly number[], value: (i: number) => number): RawTensor {
  const values = Float32Array.from({ length: count(shape) }, (_, i) => value(i));
  return { name, dtype: 'F32', shape, data: new Uint8Array(values.buffer) };
}

/** 0.0039 in float16. */
function halves(name: string, shape: readonly number[]): RawTensor {
  const values = Uint16Array.from({ length: count(shape) }, () => 0x1c00);
  return { name, dtype: 'F16', shape, data: new Uint8Array(values.buffer) };
}

function words(name: string, shape: readonly number[], value?: (i: number) => number): RawTensor {
  const values = Int32Array.from(
    { length: count(shape) },
    (_, i) => value?.(i) ?? Math.imul(i + 7, 2654435761),
  );
  return { name, dtype: 'I32', shape, data: new Uint8Array(values.buffer) };
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
