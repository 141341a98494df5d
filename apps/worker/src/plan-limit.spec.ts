import type { ShapePlan } from '@blockpruner/blocks';
import type { WireTask } from '@blockpruner/wire';
import { describe, expect, it } from 'vitest';
import { PlanLimit } from './plan-limit.ts';

const PLAN: ShapePlan = { microBatchRows: 2, segmentCandidates: 4, headChunkTokens: 64, rowBucketTokens: 1 };

function task(taskId: string, changes: Partial<WireTask> = {}): WireTask {
  return {
    taskId,
    base: [3],
    candidates: [4, 5, 6],
    unit: 'block',
    baseline: true,
    rows: [0, 1, 2].map((index) => ({ index, tokenIds: Int32Array.of(1, 2, 3) })),
    plan: PLAN,
    inFp32: false,
    ...changes,
  };
}

const rows = (...indices: number[]): WireTask['rows'] =>
  indices.map((index) => ({ index, tokenIds: Int32Array.of(1, 2, 3) }));

describe('PlanLimit', () => {
  it('leaves plans alone until something did not fit', () => {
    expect(new PlanLimit().cap(PLAN)).toEqual(PLAN);
  });

  it('caps every later plan by the largest that may fit', () => {
    const limit = new PlanLimit();
    const shrunk = limit.shrinkBelow(PLAN);
    expect(shrunk).toEqual({ ...PLAN, segmentCandidates: 2 });
    expect(limit.cap(PLAN)).toEqual(shrunk);
    const small = { ...PLAN, segmentCandidates: 1, headChunkTokens: 16 };
    expect(limit.cap(small)).toEqual(small);
  });

  it('shrinks until no plan is smaller, and never grows', () => {
    const limit = new PlanLimit();
    let last = PLAN;
    for (let shrunk = limit.shrinkBelow(PLAN); shrunk !== null; shrunk = limit.shrinkBelow(limit.cap(PLAN))) {
      expect(shrunk.segmentCandidates).toBeLessThanOrEqual(last.segmentCandidates);
      expect(shrunk.microBatchRows).toBeLessThanOrEqual(last.microBatchRows);
      expect(shrunk.headChunkTokens).toBeLessThanOrEqual(last.headChunkTokens);
      expect(shrunk).not.toEqual(last);
      last = shrunk;
    }
    expect(last).toEqual({
      microBatchRows: 1,
      segmentCandidates: 1,
      headChunkTokens: 16,
      rowBucketTokens: 1,
    });
    limit.shrinkBelow(PLAN);
    expect(limit.cap(PLAN)).toEqual(last);
  });

  it.each([
    ['the same cells under another id', {}],
    ['a part of its rows', { rows: rows(2) }],
    ['a part of its candidates', { candidates: [6], baseline: false }],
    ['its baseline alone', { candidates: [] }],
  ])('knows a task again by %s', (_, changes) => {
    const limit = new PlanLimit();
    expect(limit.hasDiedBefore(task('first'))).toBe(false);
    expect(limit.hasDiedBefore(task('second', changes))).toBe(true);
  });

  it.each([
    ['other rows', { rows: rows(3, 4) }],
    ['other candidates', { candidates: [7, 8], baseline: false }],
    ['another mask', { base: [2] }],
    ['a mask that goes on', { base: [3, 8] }],
    ['other units', { unit: 'layer' as const, candidates: [4, 6] }],
    ['another dtype', { inFp32: true }],
  ])('takes a task with %s for another', (_, changes) => {
    const limit = new PlanLimit();
    limit.hasDiedBefore(task('first'));
    expect(limit.hasDiedBefore(task('second', changes))).toBe(false);
  });

  it('forgets a task once it is computed, or the plan has shrunk', () => {
    const limit = new PlanLimit();
    limit.hasDiedBefore(task('first'));
    limit.computed(task('second'));
    expect(limit.hasDiedBefore(task('third'))).toBe(false);
    limit.shrinkBelow(PLAN);
    expect(limit.hasDiedBefore(task('fourth'))).toBe(false);
  });

  it('remembers a bounded number of tasks', () => {
    const limit = new PlanLimit();
    for (let row = 0; row < 20; row++) limit.hasDiedBefore(task(`${row}`, { rows: rows(row) }));
    expect(limit.hasDiedBefore(task('19 again', { rows: rows(19) }))).toBe(true);
    expect(limit.hasDiedBefore(task('0 again', { rows: rows(0) }))).toBe(false);
  });
});
