import { join } from 'node:path';
import { CheckpointError } from './checkpoint-error.ts';
import {
  booleanField,
  integerField,
  integerListField,
  objectField,
  stringField,
  type Fields,
} from './field.ts';
import { parseJsonObject, readWholeFile } from './file-bytes.ts';

/** How the weights of a Hugging Face folder are quantized. */
export type Quantization =
  | {
      readonly method: 'fp8';
      /** Rows and columns that share a scale; null: what the shape of the scale says, one or one a row. */
      readonly block: readonly number[] | null;
    }
  | {
      readonly method: 'gptq' | 'awq';
      /** Inputs that share a scale and a zero; null: all. */
      readonly groupSize: number | null;
      /** Added to a stored zero. */
      readonly zeroOffset: 0 | 1;
    };

/** Older repositories of GPTQ keep the fields of `quantization_config` in a file. */
export const QUANTIZE_FILE = 'quantize_config.json';
const MAX_QUANTIZE_FILE_BYTES = 2 ** 20;
const SUPPORTED = 'fp8, gptq and awq with 4 bits, compressed-tensors of float-quantized';
const WAY_OUT = 'name the model in float32, float16 or bfloat16 that it was made from';
/** Smaller groups would have more scales than a packed tensor has words. */
const MIN_GROUP_SIZE = 8;
const GROUP_SIZES = { min: -1, max: 2 ** 20 };
const BLOCK_SIZES = { min: 1, max: 2 ** 16 };

function unsupported(fields: Fields, reason: string): CheckpointError {
  return new CheckpointError(
    'unsupported',
    `${fields.file}: ${reason}: supported are ${SUPPORTED}; ${WAY_OUT}`,
  );
}

/** A field that is optional, but supported with one value only. */
function requireValue(fields: Fields, key: string, supported: number | string): void {
  const value = fields.values[key] ?? supported;
  if (value !== supported) throw unsupported(fields, `${key} ${JSON.stringify(value).slice(0, 40)}`);
}

/** The first of the keys that is there says the form; upper case is as good as lower case. */
function requireForm(fields: Fields, keys: readonly string[], supported: readonly string[]): string {
  const key = keys.find((name) => (fields.values[name] ?? null) !== null);
  if (key === undefined) return supported[0];
  const form = stringField(fields, key).toLowerCase();
  if (supported.includes(form)) return form;
  throw unsupported(fields, `${key} ${JSON.stringify(form.slice(0, 40))}`);
}

function groupSizeOf(fields: Fields, key: string): number | null {
  const size = integerField(fields, key, GROUP_SIZES, 128);
  if (size === -1) return null;
  if (size >= MIN_GROUP_SIZE) return size;
  throw new CheckpointError(
    'malformed',
    `${fields.file}: ${key} is ${size}: expected -1 or at least ${MIN_GROUP_SIZE}`,
  );
}

function readFp8(fields: Fields): Quantization {
  requireValue(fields, 'fmt', 'e4m3');
  return { method: 'fp8', block: integerListField(fields, 'weight_block_size', 2, BLOCK_SIZES) };
}

function readGptq(fields: Fields): Quantization {
  requireValue(fields, 'bits', 4);
  const form = requireForm(fields, ['checkpoint_format', 'format'], ['gptq', 'gptq_v2']);
  if (booleanField(fields, 'is_marlin_format', false)) throw unsupported(fields, 'is_marlin_format true');
  booleanField(fields, 'desc_act', false);
  return {
    method: 'gptq',
    groupSize: groupSizeOf(fields, 'group_size'),
    zeroOffset: form === 'gptq' ? 1 : 0,
  };
}

function readAwq(fields: Fields): Quantization {
  requireValue(fields, 'bits', 4);
  requireValue(fields, 'w_bit', 4);
  requireForm(fields, ['version', 'format'], ['gemm']);
  if (fields.values.backend === 'llm-awq') throw unsupported(fields, 'backend "llm-awq"');
  const key = 'q_group_size' in fields.values ? 'q_group_size' : 'group_size';
  return { method: 'awq', groupSize: groupSizeOf(fields, key), zeroOffset: 0 };
}

/** Only weights in e4m3 with a scale for each of them, or for each row. */
function readCompressedTensors(fields: Fields): Quantization {
  requireForm(fields, ['format'], ['float-quantized']);
  const sparsity = objectField(fields, 'sparsity_config');
  if (sparsity !== null) requireForm(sparsity, ['format'], ['dense']);
  const rotations = objectField(fields, 'transform_config');
  if (rotations !== null && Object.keys(rotations.values).length > 0) {
    throw unsupported(fields, 'transform_config');
  }
  const groups = objectField(fields, 'config_groups');
  for (const name of Object.keys(groups?.values ?? {})) {
    const group = objectField(groups!, name);
    const weights = group && objectField(group, 'weights');
    if (weights === null) continue;
    requireValue(weights, 'type', 'float');
    requireValue(weights, 'num_bits', 8);
    requireForm(weights, ['strategy'], ['tensor', 'channel']);
  }
  return { method: 'fp8', block: null };
}

function readMethod(fields: Fields, method: string): Quantization {
  switch (method) {
    case 'fp8':
      return readFp8(fields);
    case 'gptq':
      return readGptq(fields);
    case 'awq':
      return readAwq(fields);
    case 'compressed-tensors':
      return readCompressedTensors(fields);
    default:
      throw unsupported(fields, `quantization by ${JSON.stringify(method.slice(0, 40))}`);
  }
}

/**
 * Reads `quantization_config` of config.json.
 * @returns null when there is none
 * @throws CheckpointError naming a method, or a kind of it, that cannot be decoded
 */
export function readQuantization(config: Fields): Quantization | null {
  // The older name, of compressed-tensors only.
  const fields = objectField(config, 'quantization_config') ?? objectField(config, 'compression_config');
  return fields && readMethod(fields, stringField(fields, 'quant_method'));
}

/**
 * Reads how packed weights are quantized where config.json does not say.
 * @returns the bytes of the file too, for the fingerprint
 * @throws CheckpointError when that file is missing too
 */
export async function readQuantizeFile(
  folder: string,
): Promise<{ readonly quantization: Quantization; readonly bytes: Uint8Array }> {
  const file = join(folder, QUANTIZE_FILE);
  const bytes = await readWholeFile(file, MAX_QUANTIZE_FILE_BYTES).catch((error: unknown) => {
    if (!(error instanceof CheckpointError) || error.code !== 'not-found') throw error;
    throw new CheckpointError(
      'not-found',
      `${folder}: its weights are packed, but neither quantization_config in config.json nor ${QUANTIZE_FILE} says how: fetch that file too`,
      { cause: error },
    );
  });
  const fields = { file, values: parseJsonObject(bytes, file) };
  return { quantization: readMethod(fields, stringField(fields, 'quant_method', 'gptq')), bytes };
}
