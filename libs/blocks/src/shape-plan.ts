import type { ModelShape } from './model-shape.ts';

/** How a worker shapes its runs. It travels with each task, so that every worker of a class computes the same bits. */
export interface ShapePlan {
  /** Rows that go through the graph together. */
  readonly microBatchRows: number;
  /** Candidates of a segment that go through the graph together. */
  readonly segmentCandidates: number;
  /** Tokens whose logits exist at one time. */
  readonly headChunkTokens: number;
}

/**
 * One candidate, one row at a time, and a head chunk of 256 tokens: on a CPU wider runs fall out of the cache
 * and gain nothing, since the matrix kernels are at their peak from 256 rows on.
 */
export const CPU_SHAPE_PLAN: ShapePlan = { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256 };

/** Long segments: one run a micro-batch and no round trip of hidden states between host and device. */
export const GPU_SHAPE_PLAN: ShapePlan = { microBatchRows: 1, segmentCandidates: 16, headChunkTokens: 2048 };

/**
 * Peak bytes of one worker that computes in fp32: weights, two copies of a chunk of logits, and the
 * activations of the tokens in flight.
 */
export function workerMemoryBytes(shape: ModelShape, plan: ShapePlan, rowTokens: number): number {
  const weights = 4 * shape.totalParameters;
  const chunk = Math.min(plan.headChunkTokens, rowTokens);
  const logits = 2 * chunk * shape.vocabSize * 4;
  const tokensInFlight = (1 + plan.segmentCandidates) * plan.microBatchRows * rowTokens;
  return weights + logits + tokensInFlight * (4 * shape.intermediateSize + 6 * shape.hiddenSize) * 4;
}
