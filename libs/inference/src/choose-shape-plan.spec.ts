import { CPU_SHAPE_PLAN, GPU_SHAPE_PLAN, workerMemory, type ModelShape } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { chooseShapePlan, type PlanRequest } from './choose-shape-plan.ts';
import type { PlanProbe } from './plan-probe.ts';

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
const REQUEST: PlanRequest = {
  device: 'cpu',
  shape: SHAPE,
  format: { bytesPerWeight: 4 },
  longestRowTokens: 257,
  memoryLimitBytes: 2 ** 40,
  microBatchRows: null,
  budgetSeconds: 1000,
};
const memory = (plan = CPU_SHAPE_PLAN, rowTokens = 257): number =>
  workerMemory(SHAPE, plan, rowTokens, REQUEST.format).totalBytes;

/** A machine whose speed is the same for every shape. */
const even: PlanProbe = {
  layerSeconds: (groups, rows, tokens) => Promise.resolve(groups * rows * tokens * 1e-6),
  headSeconds: (tokens) => Promise.resolve(tokens * 1e-6),
};

describe('chooseShapePlan', () => {
  it('keeps the usual plan where no shape is faster than another', async () => {
    expect(await chooseShapePlan(even, REQUEST)).toEqual(CPU_SHAPE_PLAN);
  });

  it('takes the head chunk and the micro-batch that are clearly faster a token', async () => {
    const probe: PlanProbe = {
      layerSeconds: (groups, rows, tokens) => Promise.resolve((rows < 4 ? 2 : 1) * groups * rows * tokens),
      headSeconds: (tokens) => Promise.resolve(tokens * (tokens === 128 ? 0.8 : 1)),
    };
    expect(await chooseShapePlan(probe, REQUEST)).toEqual({
      ...CPU_SHAPE_PLAN,
      microBatchRows: 4,
      headChunkTokens: 128,
    });
  });

  it('takes a segment only where it is faster although the baseline goes with it', async () => {
    const wideIsFaster = (gain: number): PlanProbe => ({
      ...even,
      layerSeconds: (groups, rows, tokens) =>
        Promise.resolve((groups > 1 ? 1 / gain : 1) * groups * rows * tokens),
    });
    expect((await chooseShapePlan(wideIsFaster(1.2), REQUEST)).segmentCandidates).toBe(1);
    expect((await chooseShapePlan(wideIsFaster(2), REQUEST)).segmentCandidates).toBe(4);
  });

  it('keeps the rows of a micro-batch that the user has fixed', async () => {
    const plan = await chooseShapePlan(even, { ...REQUEST, microBatchRows: 3 });
    expect(plan).toEqual({ ...CPU_SHAPE_PLAN, microBatchRows: 3 });
  });

  it('runs rows shorter than a kernel needs one by one, in one chunk: their bits may depend on it', async () => {
    const probe: PlanProbe = {
      layerSeconds: (groups, rows) => Promise.resolve(groups / rows),
      headSeconds: () => Promise.resolve(1),
    };
    expect(await chooseShapePlan(probe, { ...REQUEST, longestRowTokens: 40 })).toMatchObject({
      microBatchRows: 1,
      headChunkTokens: CPU_SHAPE_PLAN.headChunkTokens,
    });
  });

  it('measures nothing more once the time is up', async () => {
    const started = performance.now();
    let calls = 0;
    const slow: PlanProbe = {
      layerSeconds: () => Promise.resolve(1),
      headSeconds: async () => {
        calls++;
        while (performance.now() - started < 60) await Promise.resolve();
        return 1;
      },
    };
    expect(await chooseShapePlan(slow, { ...REQUEST, budgetSeconds: 0.05 })).toEqual(CPU_SHAPE_PLAN);
    expect(calls).toBe(1);
  });

  it('stays within the memory limit, whatever is faster', async () => {
    const probe: PlanProbe = {
      layerSeconds: (groups, rows) => Promise.resolve(groups / rows),
      headSeconds: () => Promise.resolve(1),
    };
    const limit = memory({ ...CPU_SHAPE_PLAN, microBatchRows: 2 });
    const plan = await chooseShapePlan(probe, { ...REQUEST, memoryLimitBytes: limit });
    expect(plan).toMatchObject({ microBatchRows: 2, segmentCandidates: 1 });
    expect(memory(plan)).toBeLessThanOrEqual(limit);
  });

  it('shrinks the usual plan to the memory, and says what is needed where nothing is left to shrink', async () => {
    const limit = memory() - 1;
    expect(
      (await chooseShapePlan(even, { ...REQUEST, memoryLimitBytes: limit })).headChunkTokens,
    ).toBeLessThan(256);
    await expect(chooseShapePlan(even, { ...REQUEST, memoryLimitBytes: 2 ** 28 })).rejects.toThrow(
      /^the model needs 0\.\d GiB here on rows of 257 tokens, and the limit is 0\.3 GiB: give more memory \(--memory-limit\)/,
    );
  });

  it('on a GPU takes long segments, cut to the memory, and measures nothing', async () => {
    const never: PlanProbe = {
      layerSeconds: () => Promise.reject(new Error('measured')),
      headSeconds: () => Promise.reject(new Error('measured')),
    };
    const gpu = { ...REQUEST, device: 'cuda:0', format: { bytesPerWeight: 2 } as const };
    expect(await chooseShapePlan(never, gpu)).toEqual(GPU_SHAPE_PLAN);
    const tight = workerMemory(SHAPE, GPU_SHAPE_PLAN, 257, gpu.format).totalBytes - 1;
    expect((await chooseShapePlan(never, { ...gpu, memoryLimitBytes: tight })).segmentCandidates).toBe(8);
  });
});
