import { describe, expect, it } from 'vitest';
import { computesIn16Bit, nameClasses } from './numeric-class.ts';

describe('computesIn16Bit', () => {
  it.each([
    ['onnxruntime 1.30.0, cpu avx2+fma L2 512K, fp32, pre-packed', false],
    ['onnxruntime 1.30.0, cpu avx2+fma L2 512K, fp16, pre-packed', true],
    ['onnxruntime 1.30.0, cuda NVIDIA H100 80GB HBM3, bf16, pre-packed', true],
    ['onnxruntime 1.30.0, cuda NVIDIA bf16 9000, fp32, pre-packed', false],
  ])('reads the dtype of "%s"', (numericClass, expected) => {
    expect(computesIn16Bit(numericClass)).toBe(expected);
  });
});

describe('nameClasses', () => {
  it('counts and names them', () => {
    expect(nameClasses(['a, fp16', 'b, fp32'])).toBe('two numeric classes: a, fp16; b, fp32');
    expect(nameClasses(['a', 'b', 'c'])).toBe('3 numeric classes: a; b; c');
  });
});
