import type { Dtype, TensorLocation } from '@blockpruner/checkpoint';
import { expect, it } from 'vitest';
import { toleranceNats } from './export-tolerance.ts';

const HF = { to: 'hf', dtype: 'source', compat: false } as const;
const ONNX = { to: 'onnx', dtype: 'source' } as const;
const GGUF = { to: 'gguf', type: 'source' } as const;

const folder = (dtype: Dtype) => ({ format: 'huggingface', embedding: { dtype } as TensorLocation }) as const;

it('is exact where weights are copied and computed with in fp32', () => {
  for (const format of [HF, GGUF]) {
    for (const stored of ['float32', 'float16', 'bfloat16'] as const) {
      expect(toleranceNats(format, folder(stored), false)).toBe(1e-5);
    }
  }
  expect(toleranceNats(ONNX, folder('bfloat16'), false)).toBe(1e-5);
});

it('is that of fp16 for a graph that computes in it', () => {
  expect(toleranceNats(ONNX, folder('float16'), false)).toBe(5e-3);
});

it('is that of the type that healed weights are rounded to again', () => {
  for (const format of [HF, ONNX, GGUF]) {
    expect(toleranceNats(format, folder('float32'), true)).toBeCloseTo(1e-3 + 1e-5, 9);
    expect(toleranceNats(format, folder('bfloat16'), true)).toBeCloseTo(5e-2 + 1e-3, 9);
  }
});

it('is that of the coarsest floats of a healed GGUF, which is decoded before it is opened', () => {
  const decoded = { ...folder('float32'), format: 'gguf' } as const;
  expect(toleranceNats(GGUF, decoded, true)).toBeCloseTo(5e-2 + 1e-3, 9);
  expect(toleranceNats(GGUF, decoded, false)).toBe(1e-5);
  expect(toleranceNats(HF, decoded, true)).toBeCloseTo(1e-3 + 1e-5, 9);
});

it('is that of the type that is asked for', () => {
  expect(toleranceNats({ ...HF, dtype: 'float16' }, folder('float32'), false)).toBe(5e-3);
  expect(toleranceNats({ ...GGUF, type: 'q8_0' }, folder('bfloat16'), false)).toBe(5e-2);
  expect(toleranceNats({ ...ONNX, dtype: 'int4' }, folder('float16'), false)).toBe(1.5);
});
