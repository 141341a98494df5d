import { describe, expect, it } from 'vitest';
import { resolveDtype } from './dtype.ts';

const gpu = (name: string, computeCapability: string) => ({
  name,
  computeCapability,
  memoryBytes: 2 ** 34,
  driverVersion: '580.95',
});
const T4 = gpu('Tesla T4', '7.5');
const A100 = gpu('NVIDIA A100-SXM4-80GB', '8.0');
const B200 = gpu('NVIDIA B200', '10.0');

describe('resolveDtype', () => {
  it.each([
    ['auto', 'cpu', undefined, 'fp32'],
    ['fp16', 'cpu', undefined, 'fp16'],
    ['auto', 'cuda:0', T4, 'fp16'],
    ['auto', 'cuda:0', A100, 'bf16'],
    ['auto', 'cuda:1', B200, 'bf16'],
    ['auto', 'cuda:0', undefined, 'fp16'],
    ['fp32', 'cuda:0', A100, 'fp32'],
    ['fp16', 'cuda:0', A100, 'fp16'],
    ['bf16', 'cuda:0', undefined, 'bf16'],
  ] as const)('takes %s on %s of %o as %s', (requested, device, info, dtype) => {
    expect(resolveDtype(requested, device, info)).toBe(dtype);
  });

  it('refuses what the device cannot multiply, and says what it can', () => {
    expect(() => resolveDtype('bf16', 'cpu', undefined)).toThrow(/no bf16 matrix product for CPUs; use fp32/);
    expect(() => resolveDtype('bf16', 'cuda:0', T4)).toThrow(
      'cuda:0 (Tesla T4) has compute capability 7.5 and bf16 needs 8.0: use fp16',
    );
  });
});
