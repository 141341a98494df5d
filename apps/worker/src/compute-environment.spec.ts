import { expect, it } from 'vitest';
import { computeEnvironment } from './compute-environment.ts';

it('adds what the compute child needs, and overrides nothing', () => {
  expect(computeEnvironment({ PATH: '/bin', CUDA_DEVICE_ORDER: 'FASTEST_FIRST' })).toEqual({
    PATH: '/bin',
    CUDA_DEVICE_ORDER: 'FASTEST_FIRST',
    MALLOC_MMAP_THRESHOLD_: '262144',
  });
});

it('keeps the token from the compute child', () => {
  expect(computeEnvironment({ BLOCKPRUNER_TOKEN: '0123456789abcdef' }).BLOCKPRUNER_TOKEN).toBeUndefined();
});
