import { join } from 'node:path';
import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, objectField, stringField, type Fields } from './field.ts';
import { parseJsonObject, readWholeFile } from './file-bytes.ts';

/** How the weights of a Hugging Face folder are quantized. */
export type Quantization =
  | {
      readonly method: 'fp8';
      /** Rows and columns that share a scale; null: what the shape of the scale says, one or one a row. */
      readonly block: readonly [number, number] | null;
    }
  | {
      readonly method: 'gptq' | 'awq';
      /** Inputs that share a scale and a zero; null: all. */
      readonly groupSize: number | null;
      /** Added to a stored zero. */
      readonly zeroOffset: 0 | 1;
    };

/** Older repositories of GPTQ keep the fields of `quantization_config` in a file. */
const QUANTIZE_FILE = 'quantize_config.json';
const MAX_QUANTIZE_FILE_BYTES = 2 ** 20;
const SUPPORTED = 'fp8, gptq with 4 bits and awq with 4 bits';
const WAY_OUT = 'name the model in float32, float16 or bfloat16 that it was made from';
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

function groupSizeOf(fields: Fields, key: string): number | null {
  const size = integerField(fields, key, GROUP_SIZES, 128);
  if (size === 0)
    throw new CheckpointError('malformed', `${fields.file}: ${key} is 0: expected -1 or at least 1`);
  return size === -1 ? null : size;
}

function readFp8(fields: Fields): Quantization {
  requireValue(fields, 'fmt', 'e4m3');
  const { weight_block_size: given } = fields.values;
  if (given === undefined || given === null) return { method: 'fp8', block: null };
  const [rows, columns] = Array.isArray(given) && given.length === 2 ? (given as unknown[]) : [];
  const values = { weight_block_rows: rows, weight_block_columns: columns };
  const size = (key: string): number => integerField({ file: fields.file, values }, key, BLOCK_SIZES);
  return { method: 'fp8', block: [size('weight_block_rows'), size('weight_block_columns')] };
}

function readGptq(fields: Fields): Quantization {
  requireValue(fields, 'bits', 4);
  const format = stringField(fields, 'checkpoint_format', 'gptq');
  if (format !== 'gptq' && format !== 'gptq_v2') {
    throw unsupported(fields, `checkpoint_format ${JSON.stringify(format.slice(0, 40))}`);
  }
  booleanField(fields, 'desc_act', false);
  return {
    method: 'gptq',
    groupSize: groupSizeOf(fields, 'group_size'),
    zeroOffset: format === 'gptq' ? 1 : 0,
  };
}

function readAwq(fields: Fields): Quantization {
  requireValue(fields, 'bits', 4);
  requireValue(fields, 'w_bit', 4);
  const version = stringField(fields, 'version', 'gemm').toLowerCase();
  if (version !== 'gemm') throw unsupported(fields, `version ${JSON.stringify(version.slice(0, 40))}`);
  const key = 'q_group_size' in fields.values ? 'q_group_size' : 'group_size';
  return { method: 'awq', groupSize: groupSizeOf(fields, key), zeroOffset: 0 };
}

function readMethod(fields: Fields, method: string): Quantization {
  switch (method) {
    case 'fp8':
      return readFp8(fields);
    case 'gptq':
      return readGptq(fields);
    case 'awq':
      return readAwq(fields);
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
  const fields = objectField(config, 'quantization_config');
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
  const bytes = await readWholeFile(file, MAX_QUANTIZE_FILE_BYTES);
  const fields = { file, values: parseJsonObject(bytes, file) };
  return { quantization: readMethod(fields, stringField(fields, 'quant_method', 'gptq')), bytes };
}
