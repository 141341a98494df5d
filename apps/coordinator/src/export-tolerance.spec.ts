import { expect, it } from 'vitest';
import { toleranceNats } from './export-tolerance.ts';

const HF = { to: 'hf', dtype: 'source', compat: false } as const;
const ONNX = { to: 'onnx', dtype: 'source' } as const;
const GGUF = { to: 'gguf', type: 'source' } as const;

it('is exact where weights are copied and computed with in fp32', () => {
  for (const format of [HF, GGUF]) {
    for (const stored of ['float32', 'float16', 'bfloat16'] as const) {
      expect(toleranceNats(format, stored, false)).toBe(1e-5);
    }
  }
  expect(toleranceNats(ONNX, 'bfloat16', false)).toBe(1e-5);
});

it('is that of fp16 for a graph that computes in it', () => {
  expect(toleranceNats(ONNX, 'float16', false)).toBe(5e-3);
});

it('is that of the type that healed weights are rounded to again', () => {
  for (const format of [HF, ONNX, GGUF]) {
    expect(toleranceNats(format, 'float32', true)).toBeCloseTo(1e-3 + 1e-5, 9);
    expect(toleranceNats(format, 'bfloat16', true)).toBeCloseTo(5e-2 + 1e-3, 9);
  }
});

it('is that of the type that is asked for', () => {
  expect(toleranceNats({ ...HF, dtype: 'float16' }, 'float32', false)).toBe(5e-3);
  expect(toleranceNats({ ...GGUF, type: 'q8_0' }, 'bfloat16', false)).toBe(5e-2);
  expect(toleranceNats({ ...ONNX, dtype: 'int4' }, 'float16', false)).toBe(1.5);
});
