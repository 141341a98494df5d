import { describe, expect, it } from 'vitest';
import type { ModelShape } from './model-shape.ts';
import { CPU_SHAPE_PLAN } from './shape-plan.ts';
import { workerMemory } from './worker-memory.ts';

/** SmolLM2-135M: its head is its embedding. */
const SHAPE: ModelShape = {
  layerCount: 30,
  hiddenSize: 576,
  intermediateSize: 1536,
  headCount: 9,
  kvHeadCount: 3,
  headSize: 64,
  vocabSize: 49152,
  mhaParameters: 2 * 576 * 576 + 2 * 576 * 192 + 576,
  mlpParameters: 3 * 576 * 1536 + 576,
  totalParameters: 134_515_008,
};
const FP32 = { bytesPerWeight: 4 } as const;
const PER_TOKEN = (4 * 1536 + 6 * 576) * 4;

describe('worker memory', () => {
  it('is the weights, two chunks of logits, the activations in flight, and the runtime', () => {
    const memory = workerMemory(
      SHAPE,
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
    expect(workerMemory(SHAPE, CPU_SHAPE_PLAN, 256, FP32).activationBytes).toBe(256 * PER_TOKEN);
  });

  it('holds the head in fp32 where the blocks are of 16 bits', () => {
    const blocks = 134_515_008 - 576 - 49152 * 576;
    const memory = workerMemory(SHAPE, CPU_SHAPE_PLAN, 256, { bytesPerWeight: 2 });
    expect(memory.weightBytes).toBe(2 * blocks + 4 * 49152 * 576);
  });

  it('holds a head of its own, and leaves the embedding in its file, where the two are not tied', () => {
    const untied = { ...SHAPE, totalParameters: SHAPE.totalParameters + 49152 * 576 };
    expect(workerMemory(untied, CPU_SHAPE_PLAN, 256, FP32)).toEqual(
      workerMemory(SHAPE, CPU_SHAPE_PLAN, 256, FP32),
    );
  });

  it('holds the weights of the largest stage only', () => {
    const whole = workerMemory(SHAPE, CPU_SHAPE_PLAN, 256, FP32);
    const staged = workerMemory(SHAPE, CPU_SHAPE_PLAN, 256, FP32, 5);
    const layer = 4 * (SHAPE.mhaParameters + SHAPE.mlpParameters);
    expect(staged.weightBytes).toBe(layer + 4 * 49152 * 576);
    expect(whole.totalBytes - staged.totalBytes).toBe(29 * layer);
  });
});
