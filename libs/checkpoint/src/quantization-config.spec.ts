import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from './checkpoint-error.ts';
import { readQuantization } from './quantization-config.ts';

const read = (values: unknown) =>
  readQuantization({ file: '/m/config.json', values: { quantization_config: values } });

describe('quantization_config', () => {
  it.each<[unknown, object | null]>([
    [undefined, null],
    [null, null],
    [
      { quant_method: 'fp8', weight_block_size: [128, 64] },
      { method: 'fp8', block: [128, 64] },
    ],
    [
      { quant_method: 'fp8', fmt: 'e4m3', activation_scheme: 'dynamic' },
      { method: 'fp8', block: null },
    ],
    [
      { quant_method: 'gptq', bits: 4 },
      { method: 'gptq', groupSize: 128, zeroOffset: 1 },
    ],
    [
      { quant_method: 'gptq', bits: 4, group_size: -1, desc_act: true, checkpoint_format: 'gptq_v2' },
      { method: 'gptq', groupSize: null, zeroOffset: 0 },
    ],
    [
      { quant_method: 'gptq', bits: 4, format: 'gptq_v2' },
      { method: 'gptq', groupSize: 128, zeroOffset: 0 },
    ],
    [
      {
        quant_method: 'compressed-tensors',
        format: 'float-quantized',
        config_groups: {
          group_0: { weights: { num_bits: 8, type: 'float', strategy: 'channel' }, targets: ['Linear'] },
          group_1: { weights: null },
        },
      },
      { method: 'fp8', block: null },
    ],
    [
      { quant_method: 'awq', bits: 4, group_size: 64 },
      { method: 'awq', groupSize: 64, zeroOffset: 0 },
    ],
    [
      { quant_method: 'awq', w_bit: 4, q_group_size: 32, version: 'GEMM' },
      { method: 'awq', groupSize: 32, zeroOffset: 0 },
    ],
  ])('%j is %j', (values, expected) => {
    expect(read(values)).toEqual(expected);
  });

  it.each<[object, string]>([
    [{ quant_method: 'bitsandbytes', load_in_4bit: true }, 'quantization by "bitsandbytes"'],
    [{ quant_method: 'mxfp4' }, 'quantization by "mxfp4"'],
    [{ quant_method: 'compressed-tensors', format: 'pack-quantized' }, 'format "pack-quantized"'],
    [{ quant_method: 'compressed-tensors', transform_config: { config_groups: {} } }, 'transform_config'],
    [{ quant_method: 'gptq', bits: 4, format: 'exllama' }, 'format "exllama"'],
    [{ quant_method: 'gptq', bits: 4, is_marlin_format: true }, 'is_marlin_format true'],
    [{ quant_method: 'awq', bits: 4, backend: 'llm-awq' }, 'backend "llm-awq"'],
    [{ quant_method: 'gptq', bits: 8 }, 'bits 8'],
    [{ quant_method: 'gptq', bits: 4, checkpoint_format: 'marlin' }, 'checkpoint_format "marlin"'],
    [{ quant_method: 'awq', bits: 4, version: 'gemv' }, 'version "gemv"'],
    [{ quant_method: 'fp8', fmt: 'e5m2' }, 'fmt "e5m2"'],
  ])('%j is refused with what is supported and the way out', (values, named) => {
    expect(() => read(values)).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: `/m/config.json: quantization_config: ${named}: supported are fp8, gptq and awq with 4 bits, compressed-tensors of float-quantized; name the model in float32, float16 or bfloat16 that it was made from`,
      }),
    );
  });

  it.each<[unknown, string]>([
    ['awq', 'quantization_config is "awq": expected an object'],
    [{}, 'quant_method is missing'],
    [{ quant_method: 'gptq', bits: 4, group_size: 0 }, 'group_size is 0: expected -1 or at least 8'],
    [{ quant_method: 'gptq', bits: 4, group_size: 'all' }, 'group_size is "all": expected an integer'],
    [
      { quant_method: 'fp8', weight_block_size: [0, 128] },
      'weight_block_size is a list: expected a list of 2 integers from 1 to 65536',
    ],
    [{ quant_method: 'fp8', weight_block_size: 128 }, 'weight_block_size is 128: expected a list of 2'],
    [
      { quant_method: 'compressed-tensors', config_groups: { g: { weights: 8 } } },
      'config_groups: g: weights is 8: expected an object',
    ],
  ])('%j is malformed, and the field is named', (values, message) => {
    expect(() => read(values)).toThrow(
      expect.objectContaining({ code: 'malformed', message: expect.stringContaining(message) as string }),
    );
  });

  it.each<[object, string]>([
    [{ num_bits: 4, type: 'float' }, 'num_bits 4'],
    [{ num_bits: 8, type: 'int' }, 'type "int"'],
    [{ num_bits: 8, type: 'float', strategy: 'block' }, 'strategy "block"'],
  ])('a group of compressed-tensors with weights %j is refused by name', (weights, named) => {
    const config_groups = { group_0: { weights } };
    expect(() => read({ quant_method: 'compressed-tensors', config_groups })).toThrow(
      `config_groups: group_0: weights: ${named}: supported are`,
    );
  });

  it('is read, or refused with one CheckpointError, whatever its fields hold', () => {
    const fields = fc.constantFrom('bits', 'group_size', 'version', 'fmt', 'weight_block_size', 'desc_act');
    const method = fc.constantFrom('fp8', 'gptq', 'awq');
    fc.assert(
      fc.property(fc.dictionary(fields, fc.jsonValue()), method, (values, quant_method) => {
        try {
          expect(read({ ...values, quant_method })).toHaveProperty('method', quant_method);
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
        }
      }),
    );
  });
});
