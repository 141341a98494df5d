import { describe, expect, it } from 'vitest';
import { capPlan, CPU_SHAPE_PLAN, GPU_SHAPE_PLAN, shrinkPlan, type ShapePlan } from './shape-plan.ts';

const size = (plan: ShapePlan): number => plan.microBatchRows * plan.segmentCandidates * plan.headChunkTokens;

describe('shrinkPlan', () => {
  it('makes the plan smaller each time, segments first, until nothing is left to shrink', () => {
    const start = { ...GPU_SHAPE_PLAN, microBatchRows: 3 };
    const plans = [start];
    for (let next = shrinkPlan(start); next !== null; next = shrinkPlan(next)) plans.push(next);
    for (const [i, plan] of plans.entries()) if (i > 0) expect(size(plan)).toBeLessThan(size(plans[i - 1]));
    expect(plans[1]).toEqual({ ...start, segmentCandidates: 8 });
    expect(plans.at(-1)).toEqual({ ...start, microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 16 });
  });
});

describe('capPlan', () => {
  it('keeps every size at or below the limit, and the padding of rows as it is', () => {
    const limit = { microBatchRows: 4, segmentCandidates: 2, headChunkTokens: 64, rowBucketTokens: 1 };
    expect(capPlan(GPU_SHAPE_PLAN, limit)).toEqual({
      microBatchRows: 1,
      segmentCandidates: 2,
      headChunkTokens: 64,
      rowBucketTokens: 256,
    });
    expect(capPlan(CPU_SHAPE_PLAN, GPU_SHAPE_PLAN)).toEqual(CPU_SHAPE_PLAN);
  });
});
