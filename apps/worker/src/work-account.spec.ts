import { CPU_SHAPE_PLAN, sweepFlops, type ModelShape } from '@blockpruner/blocks';
import type { LoadedModel } from '@blockpruner/inference';
import type { WireTask } from '@blockpruner/wire';
import { describe, expect, it } from 'vitest';
import { WorkAccount } from './work-account.ts';

const SHAPE: ModelShape = {
  layerCount: 2,
  hiddenSize: 8,
  intermediateSize: 16,
  headCount: 2,
  kvHeadCount: 1,
  headSize: 4,
  vocabSize: 32,
  mhaParameters: 0,
  mlpParameters: 0,
  totalParameters: 0,
};
const MODEL: LoadedModel = {
  fingerprint: 'sha256:x',
  shape: SHAPE,
  shapePlan: CPU_SHAPE_PLAN,
  peakFlopsPerSecond: 1e6,
  threads: 1,
  notes: [],
};
const TASK: WireTask = {
  taskId: 't1',
  base: [],
  candidates: [1, 2],
  unit: 'block',
  baseline: true,
  rows: [10, 20].map((length, index) => ({ index, tokenIds: new Int32Array(length) })),
  plan: CPU_SHAPE_PLAN,
  inFp32: false,
};

describe('WorkAccount', () => {
  it('counts tokens and FLOPs of what is done, and how well the last task used the device', () => {
    const account = new WorkAccount();
    expect([account.peakFlopsPerSecond, account.mfu]).toEqual([null, null]);
    account.loaded(MODEL);
    account.done(TASK, 0.5);
    account.done({ ...TASK, baseline: false }, 2);
    account.failed();
    account.cancelled();
    expect(account.tasks).toEqual({ done: 2, failed: 1, cancelled: 1 });
    expect(account.tokens).toBe(30 * 3 + 30 * 2);
    const flopsOf = (baseline: boolean): number =>
      sweepFlops(SHAPE, { ...TASK, baseline }, 10) + sweepFlops(SHAPE, { ...TASK, baseline }, 20);
    expect(account.flops).toBe(flopsOf(true) + flopsOf(false));
    expect(account.mfu).toBeCloseTo(flopsOf(false) / 2 / 1e6, 12);
    expect(account.peakFlopsPerSecond).toBe(1e6);
  });

  it('knows of no utilisation without a peak', () => {
    const account = new WorkAccount();
    account.loaded({ ...MODEL, peakFlopsPerSecond: 0 });
    account.done(TASK, 0.5);
    expect([account.peakFlopsPerSecond, account.mfu]).toEqual([null, null]);
  });
});
