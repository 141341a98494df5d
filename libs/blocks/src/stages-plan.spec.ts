import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelShape } from './model-shape.ts';
import { CPU_SHAPE_PLAN } from './shape-plan.ts';
import { planStages } from './stages-plan.ts';
import { workerMemory } from './worker-memory.ts';

/** Llama-2-7B. */
const SHAPE: ModelShape = {
  layerCount: 32,
  hiddenSize: 4096,
  intermediateSize: 11008,
  headCount: 32,
  kvHeadCount: 32,
  headSize: 128,
  vocabSize: 32000,
  mhaParameters: 4 * 4096 * 4096 + 4096,
  mlpParameters: 3 * 4096 * 11008 + 4096,
  totalParameters: 6_738_415_616,
};
const FP32 = { bytesPerWeight: 4 } as const;
const peak = (stages: number): number => workerMemory(SHAPE, CPU_SHAPE_PLAN, 512, FP32, stages).totalBytes;
const planned = (limitBytes: number): number => planStages(SHAPE, CPU_SHAPE_PLAN, 512, limitBytes, FP32);

describe('planned stages', () => {
  it('are the fewest whose peak is within the limit', () => {
    fc.assert(
      fc.property(fc.double({ min: peak(32), max: 2 * peak(1), noNaN: true }), (limitBytes) => {
        const stages = planned(limitBytes);
        expect(peak(stages)).toBeLessThanOrEqual(limitBytes);
        if (stages > 1) expect(peak(stages - 1)).toBeGreaterThan(limitBytes);
      }),
    );
  });

  it('bring a model of 26 GB to a worker of 16 GiB in two, of 8 GiB in four', () => {
    expect(planned(32 * 2 ** 30)).toBe(1);
    expect(planned(16 * 2 ** 30)).toBe(2);
    expect(planned(8 * 2 ** 30)).toBe(4);
  });

  it('are refused, with what is needed and what there is, where one layer is too much', () => {
    expect(() => planned(1e9)).toThrow(
      /^a worker needs \d+ MiB even with one of the model's 32 layers at a time \(weights 1272 MiB, .*\), and has 954 MiB: give it more memory/,
    );
    expect(() => planned(Number.NaN)).toThrow(RangeError);
  });
});
