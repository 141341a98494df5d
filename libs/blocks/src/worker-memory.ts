import type { ModelShape } from './model-shape.ts';
import type { ShapePlan } from './shape-plan.ts';
import { largestStageBytes } from './stages.ts';

/** What one worker needs at its peak, in bytes, and what it is made of. */
export interface WorkerMemory {
  /**
   * Weights of the largest stage as the numeric class holds them. Mapped from one file, they exist once for all
   * workers of a machine.
   */
  readonly weightBytes: number;
  /** A chunk of logits and its log-probabilities. */
  readonly logitsBytes: number;
  /** Activations of the tokens in flight. */
  readonly activationBytes: number;
  /** Node, onnxruntime, its graph, and the process that answers while the other computes. */
  readonly runtimeBytes: number;
  readonly totalBytes: number;
}

/** A limit below this does not even hold the processes of a worker. */
export const LEAST_WORKER_BYTES = 256 * 2 ** 20;

/** How a numeric class holds weights. */
export interface WeightFormat {
  /** Of the weights inside blocks; the head is held in fp32 always. */
  readonly bytesPerWeight: 2 | 4;
}

/**
 * Two Node processes with onnxruntime loaded, a graph of some hundred blocks, and residual streams that wait for the
 * garbage collector, which starts at some tens of megabytes whatever the model; measured on SmolLM2-135M.
 */
const RUNTIME_BYTES = 330 * 2 ** 20;
const FLOAT32_BYTES = 4;

/** Tokens that are in a block at one time: the baseline's and every candidate's of the segment. */
export function tokensInFlight(plan: ShapePlan, rowTokens: number): number {
  // Alone, a candidate takes the baseline's place.
  const groups = plan.segmentCandidates === 1 ? 1 : 1 + plan.segmentCandidates;
  return groups * plan.microBatchRows * rowTokens;
}

/**
 * Peak bytes of one worker on rows of at most `rowTokens` tokens, with the model in so many stages. What waits between
 * stages has a budget of its own.
 */
export function workerMemory(
  shape: ModelShape,
  plan: ShapePlan,
  rowTokens: number,
  format: WeightFormat,
  stages = 1,
): WorkerMemory {
  const chunk = Math.min(plan.headChunkTokens, rowTokens);
  const parts = {
    weightBytes: largestStageBytes(shape, stages, format),
    logitsBytes: 2 * chunk * shape.vocabSize * FLOAT32_BYTES,
    activationBytes:
      tokensInFlight(plan, rowTokens) * (4 * shape.intermediateSize + 6 * shape.hiddenSize) * FLOAT32_BYTES,
    runtimeBytes: RUNTIME_BYTES,
  };
  return {
    ...parts,
    totalBytes: parts.weightBytes + parts.logitsBytes + parts.activationBytes + parts.runtimeBytes,
  };
}
