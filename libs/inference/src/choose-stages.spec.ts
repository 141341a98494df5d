import { CPU_SHAPE_PLAN, workerMemory, type ModelShape } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { chooseStages, type StagesRequest } from './choose-stages.ts';

/** Of the size of Llama 3 8B. */
const shape: ModelShape = {
  layerCount: 32,
  hiddenSize: 4096,
  headCount: 32,
  kvHeadCount: 8,
  headSize: 128,
  intermediateSize: 14_336,
  vocabSize: 128_256,
  mhaParameters: 41_947_136,
  mlpParameters: 176_164_864,
  totalParameters: 8_030_261_248,
};
const GIB = 2 ** 30;

function stagesWithin(gibibytes: number, changes: Partial<StagesRequest> = {}): number {
  return chooseStages({
    device: 'cpu',
    shape,
    format: { bytesPerWeight: 4 },
    longestRowTokens: 2048,
    memoryLimitBytes: gibibytes * GIB,
    shapePlan: null,
    microBatchRows: null,
    ...changes,
  });
}

describe('chooseStages', () => {
  it('takes one where all fits, and more the less there is', () => {
    const chosen = [64, 32, 16, 8, 6].map((gibibytes) => stagesWithin(gibibytes));
    expect(chosen[0]).toBe(1);
    expect([...chosen].sort((a, b) => a - b)).toEqual(chosen);
    expect(chosen[4]).toBeGreaterThan(chosen[1]);
  });

  it('takes the fewest that fit', () => {
    const stages = stagesWithin(16);
    const bytes = (count: number): number =>
      workerMemory(shape, CPU_SHAPE_PLAN, 2048, { bytesPerWeight: 4 }, count).totalBytes;
    expect(bytes(stages)).toBeLessThanOrEqual(16 * GIB);
    expect(bytes(stages - 1)).toBeGreaterThan(16 * GIB);
  });

  it('takes a smaller plan before a second stage, unless the plan is given', () => {
    const gpu = { device: 'cuda:0', format: { bytesPerWeight: 2 as const } };
    const large = { microBatchRows: 1, segmentCandidates: 16, headChunkTokens: 2048, rowBucketTokens: 256 };
    expect(stagesWithin(18, gpu)).toBe(1);
    expect(stagesWithin(18, { ...gpu, shapePlan: large })).toBeGreaterThan(1);
  });

  it('says what is missing when not even a layer at a time fits', () => {
    expect(() => stagesWithin(1)).toThrow(/even with one of the model's 32 layers at a time/);
  });
});
