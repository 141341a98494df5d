import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gpuInfo, selectGpu } from './gpu-info.ts';

// As nvidia-smi prints uuid, name, compute_cap, memory.total, mig.mode.current and driver_version.
const H100 =
  'GPU-4f0a1c9e-5b1d-7a60-5c39-3d7f0c2f9a11, NVIDIA H100 80GB HBM3, 9.0, 81559, Disabled, 580.95.05\n';
const TWO_MODELS = `GPU-aaaa1111-0000-0000-0000-000000000001, NVIDIA GeForce RTX 4090, 8.9, 24564, [N/A], 580.65.06
GPU-aaaa2222-0000-0000-0000-000000000002, NVIDIA GeForce RTX 2080 Ti, 7.5, 11264, [N/A], 580.65.06
GPU-bbbb3333-0000-0000-0000-000000000003, NVIDIA GeForce RTX 4090, 8.9, 24564, [N/A], 580.65.06
`;
const UNIFIED = 'GPU-2dee1e25-b3b5-007e-2b55-79f2d0f2ebe5, NVIDIA GB10, 12.1, [N/A], [N/A], 580.126.09\n';
const SLICED = `GPU-c4e0b2a1-1111-2222-3333-444455556666, NVIDIA A100-SXM4-40GB, 8.0, 40960, Enabled, 580.95.05
GPU-c4e0b2a1-1111-2222-3333-444455556667, NVIDIA A100-SXM4-40GB, 8.0, 40960, Disabled, 580.95.05
`;
const MIB = 2 ** 20;
const names = (list: string, visible: string | undefined): (string | undefined)[] =>
  [0, 1, 2, 3].map((index) => selectGpu(list, index, visible)?.name);

describe('selectGpu', () => {
  it('reads name, compute capability, memory and driver', () => {
    expect(selectGpu(H100, 0, undefined)).toEqual({
      name: 'NVIDIA H100 80GB HBM3',
      computeCapability: '9.0',
      memoryBytes: 81559 * MIB,
      driverVersion: '580.95.05',
    });
  });

  it.each([
    [
      undefined,
      ['NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 2080 Ti', 'NVIDIA GeForce RTX 4090', undefined],
    ],
    ['1', ['NVIDIA GeForce RTX 2080 Ti', undefined, undefined, undefined]],
    ['1,0', ['NVIDIA GeForce RTX 2080 Ti', 'NVIDIA GeForce RTX 4090', undefined, undefined]],
    [' 1 , 2 ', ['NVIDIA GeForce RTX 2080 Ti', 'NVIDIA GeForce RTX 4090', undefined, undefined]],
    [
      'GPU-aaaa2222-0000-0000-0000-000000000002',
      ['NVIDIA GeForce RTX 2080 Ti', undefined, undefined, undefined],
    ],
    ['GPU-aaaa2', ['NVIDIA GeForce RTX 2080 Ti', undefined, undefined, undefined]],
    ['GPU-aaaa', [undefined, undefined, undefined, undefined]],
    ['1,-1,0', ['NVIDIA GeForce RTX 2080 Ti', undefined, undefined, undefined]],
    ['1,7,0', ['NVIDIA GeForce RTX 2080 Ti', undefined, undefined, undefined]],
    ['', [undefined, undefined, undefined, undefined]],
    ['-1', [undefined, undefined, undefined, undefined]],
    ['none', [undefined, undefined, undefined, undefined]],
    ['MIG-aaaa1111', [undefined, undefined, undefined, undefined]],
  ])('numbers the GPUs as CUDA does with CUDA_VISIBLE_DEVICES %j', (visible, expected) => {
    expect(names(TWO_MODELS, visible)).toEqual(expected);
  });

  it('leaves the memory open where it is shared with the CPU', () => {
    expect(selectGpu(UNIFIED, 0, undefined)).toMatchObject({ name: 'NVIDIA GB10', memoryBytes: undefined });
  });

  it.each([
    ['of a GPU cut into slices', undefined],
    ['of a slice by its UUID', 'MIG-11110000-0000-0000-0000-000000000000'],
    ['of a slice by its older name', 'MIG-GPU-c4e0b2a1-1111-2222-3333-444455556666/3/0'],
  ])('leaves open the memory %s', (_, visible) => {
    expect(selectGpu(SLICED, 0, visible)).toMatchObject({
      name: 'NVIDIA A100-SXM4-40GB',
      computeCapability: '8.0',
      memoryBytes: undefined,
    });
  });

  it.each([
    [
      'no driver',
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
    ],
    [
      'two driver versions',
      'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n',
    ],
    ['a container that lost its GPU', 'Failed to initialize NVML: Unknown Error\n'],
    ['no device', 'No devices were found\n'],
    ['an old driver', 'Field "compute_cap" is not a valid field to query.\n\n'],
    ['nothing', ''],
    ['other columns', 'NVIDIA H100 80GB HBM3, 9.0\n'],
    ['no end', H100.repeat(1000)],
  ])('knows no GPU where nvidia-smi says: %s', (_, list) => {
    expect(selectGpu(list, 0, undefined)).toBeUndefined();
  });

  it('reads GPUs between warnings', () => {
    const list = `WARNING: infoROM is corrupted at gpu 0000:3B:00.0\n${H100.trimEnd()}\r\n\n`;
    expect(selectGpu(list, 0, undefined)?.computeCapability).toBe('9.0');
  });

  it('gives a GPU or none, whatever it reads', () => {
    const lists = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc
        .tuple(fc.nat({ max: H100.length - 1 }), fc.string({ maxLength: 3 }))
        .map(([at, text]) => H100.slice(0, at) + text + H100.slice(at + 1)),
    );
    fc.assert(
      fc.property(
        lists,
        fc.integer({ min: -2, max: 3 }),
        fc.option(fc.string(), { nil: undefined }),
        (list, index, visible) => {
          const gpu = selectGpu(list, index, visible);
          if (gpu === undefined) return;
          expect(gpu.computeCapability).toMatch(/^\d{1,3}\.\d{1,2}$/);
          expect(gpu.memoryBytes ?? 0).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe('gpuInfo', () => {
  it('knows no GPU beyond all that a machine can have', () => {
    expect(gpuInfo(1000, undefined)).toBeUndefined();
  });
});
