/**
 * How a worker shapes its runs. It travels with each task, so that every worker of a numeric class computes the same
 * bits.
 */
export interface ShapePlan {
  /** Rows of one length that go through the graph together. */
  readonly microBatchRows: number;
  /** Candidates of a segment that go through the graph together. */
  readonly segmentCandidates: number;
  /** Tokens whose logits exist at one time. */
  readonly headChunkTokens: number;
  /** Rows are padded at their end to a multiple of so many tokens; 1 pads nothing. */
  readonly rowBucketTokens: number;
}

/**
 * One candidate, one row at a time, and a head chunk of 256 tokens: on a CPU wider runs fall out of the cache
 * and gain nothing, since the matrix kernels are at their peak from 256 rows on.
 */
export const CPU_SHAPE_PLAN: ShapePlan = {
  microBatchRows: 1,
  segmentCandidates: 1,
  headChunkTokens: 256,
  rowBucketTokens: 1,
};

/**
 * Long segments: one run a micro-batch and no round trip of hidden states between host and device. Few row
 * lengths: the memory that the CUDA provider has taken for one shape it does not give back.
 */
export const GPU_SHAPE_PLAN: ShapePlan = {
  microBatchRows: 1,
  segmentCandidates: 16,
  headChunkTokens: 2048,
  rowBucketTokens: 256,
};

const SMALLEST_HEAD_CHUNK_TOKENS = 16;

/**
 * The next smaller plan: what takes the most memory is halved first. It computes the same bits on a CPU.
 * @returns null when there is none
 */
export function shrinkPlan(plan: ShapePlan): ShapePlan | null {
  const half = (size: number): number => Math.ceil(size / 2);
  if (plan.segmentCandidates > 1) return { ...plan, segmentCandidates: half(plan.segmentCandidates) };
  if (plan.microBatchRows > 1) return { ...plan, microBatchRows: half(plan.microBatchRows) };
  if (plan.headChunkTokens > SMALLEST_HEAD_CHUNK_TOKENS) {
    return { ...plan, headChunkTokens: half(plan.headChunkTokens) };
  }
  return null;
}

/** The plan, with no size above the limit's: what a worker computes that has run out of memory before. */
export function capPlan(plan: ShapePlan, limit: ShapePlan): ShapePlan {
  return {
    microBatchRows: Math.min(plan.microBatchRows, limit.microBatchRows),
    segmentCandidates: Math.min(plan.segmentCandidates, limit.segmentCandidates),
    headChunkTokens: Math.min(plan.headChunkTokens, limit.headChunkTokens),
    rowBucketTokens: plan.rowBucketTokens,
  };
}
