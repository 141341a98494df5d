import { describe, expect, it } from 'vitest';
import { SMOLLM2 } from '../test/smollm2-shape.ts';
import { CPU_SHAPE_PLAN } from './shape-plan.ts';
import { workerMemory } from './worker-memory.ts';

const FP32 = { bytesPerWeight: 4 } as const;
const PER_TOKEN = (4 * 1536 + 6 * 576) * 4;

describe('worker memory', () => {
  it('is the weights, two chunks of logits, the activations in flight, and the runtime', () => {
    const memory = workerMemory(
      SMOLLM2,
      { ...CPU_SHAPE_PLAN, segmentCandidates: 3, microBatchRows: 2 },
      512,
      FP32,
    );
    expect(memory.weightBytes).toBe(4 * (134_515_008 - 576));
    expect(memory.logitsBytes).toBe(2 * 256 * 49152 * 4);
    expect(memory.activationBytes).toBe((1 + 3) * 2 * 512 * PER_TOKEN);
    const { weightBytes, logitsBytes, activationBytes, runtimeBytes, totalBytes } = memory;
    expect(totalBytes).toBe(weightBytes + logitsBytes + activationBytes + runtimeBytes);
  });

  it('counts a candidate that runs alone once: it takes the place of the baseline', () => {
    expect(workerMemory(SMOLLM2, CPU_SHAPE_PLAN, 256, FP32).activationBytes).toBe(256 * PER_TOKEN);
  });

  it('holds the head in fp32 where the blocks are of 16 bits', () => {
    const blocks = 134_515_008 - 576 - 49152 * 576;
    const memory = workerMemory(SMOLLM2, CPU_SHAPE_PLAN, 256, { bytesPerWeight: 2 });
    expect(memory.weightBytes).toBe(2 * blocks + 4 * 49152 * 576);
  });

  it('holds a head of its own, and leaves the embedding in its file, where the two are not tied', () => {
    const untied = { ...SMOLLM2, totalParameters: SMOLLM2.totalParameters + 49152 * 576 };
    expect(workerMemory(untied, CPU_SHAPE_PLAN, 256, FP32)).toEqual(
      workerMemory(SMOLLM2, CPU_SHAPE_PLAN, 256, FP32),
    );
  });

  it('holds the weights of the largest stage only', () => {
    const whole = workerMemory(SMOLLM2, CPU_SHAPE_PLAN, 256, FP32);
    const staged = workerMemory(SMOLLM2, CPU_SHAPE_PLAN, 256, FP32, 5);
    const layer = 4 * (SMOLLM2.mhaParameters + SMOLLM2.mlpParameters);
    expect(staged.weightBytes).toBe(layer + 4 * 49152 * 576);
    expect(whole.totalBytes - staged.totalBytes).toBe(29 * layer);
  });
});
