import {
  CPU_SHAPE_PLAN,
  GPU_SHAPE_PLAN,
  shrinkPlan,
  workerMemory,
  type ModelShape,
  type ShapePlan,
  type WeightFormat,
} from '@blockpruner/blocks';
import type { PlanProbe } from './plan-probe.ts';

/** What a plan is chosen for. */
export interface PlanRequest {
  readonly device: string;
  readonly shape: ModelShape;
  readonly format: WeightFormat;
  readonly longestRowTokens: number;
  readonly memoryLimitBytes: number;
  /** Rows a micro-batch where the user has fixed them. */
  readonly microBatchRows: number | null;
  /** How long to measure. */
  readonly budgetSeconds: number;
}

const MICRO_BATCH_ROWS = [1, 2, 4, 8];
const SEGMENT_CANDIDATES = [1, 4];
const HEAD_CHUNK_TOKENS = [64, 128, 512];
/** Matrix products of fewer rows take other kernels: smaller chunks and micro-batches of short rows may change bits. */
const LEAST_KERNEL_ROWS = 64;
/** What is not the usual must win by this much: timings are noisy. */
const WORTHWHILE = 1.05;

/**
 * Chooses the plan of a numeric class by measuring a layer and the head of the loaded model, among values that do not
 * change a bit on a CPU and that fit into memory. On a GPU it is the plan of long segments, cut down to the memory:
 * there every size may change bits, and one that wins on an idle card is no better than another.
 * @throws Error naming the memory needed, the limit and the way out, when not even the smallest plan fits
 */
export async function chooseShapePlan(probe: PlanProbe, request: PlanRequest): Promise<ShapePlan> {
  const start = fittingPlan(request);
  if (request.device !== 'cpu') return start;
  const budget = new Budget(request.budgetSeconds);
  const headChunkTokens = await fastestHeadChunk(probe, request, start, budget);
  const rows = await fastestBlocks(probe, request, { ...start, headChunkTokens }, budget);
  return { ...rows, headChunkTokens };
}

/** The usual plan of the device, or the largest below it that fits into memory. */
export function fittingPlan(request: PlanRequest): ShapePlan {
  const usual = request.device === 'cpu' ? CPU_SHAPE_PLAN : GPU_SHAPE_PLAN;
  let plan: ShapePlan | null = { ...usual, microBatchRows: request.microBatchRows ?? usual.microBatchRows };
  let smallest = plan;
  while (plan !== null && !fits(plan, request)) {
    smallest = plan;
    plan = shrinkPlan(plan);
  }
  if (plan !== null) return plan;
  const { totalBytes } = memoryOf(smallest, request);
  throw new Error(
    `the model needs ${gib(totalBytes)} GiB here on rows of ${request.longestRowTokens} tokens, and the limit is ${gib(request.memoryLimitBytes)} GiB: give more memory (--memory-limit), shorter rows (--seq-len), or cut the model (--stages auto)`,
  );
}

async function fastestHeadChunk(
  probe: PlanProbe,
  request: PlanRequest,
  start: ShapePlan,
  budget: Budget,
): Promise<number> {
  const positions = request.longestRowTokens - 1;
  if (positions < LEAST_KERNEL_ROWS) return start.headChunkTokens;
  let best = { chunk: start.headChunkTokens, secondsPerToken: Number.POSITIVE_INFINITY };
  for (const chunk of [start.headChunkTokens, ...HEAD_CHUNK_TOKENS]) {
    const isSensible = chunk <= Math.max(positions, start.headChunkTokens);
    if (!isSensible || !fits({ ...start, headChunkTokens: chunk }, request)) continue;
    const seconds = await budget.time(() => probe.headSeconds(chunk));
    if (seconds === null) break;
    const secondsPerToken = seconds / chunk;
    if (secondsPerToken * WORTHWHILE < best.secondsPerToken) best = { chunk, secondsPerToken };
  }
  return best.chunk;
}

async function fastestBlocks(
  probe: PlanProbe,
  request: PlanRequest,
  start: ShapePlan,
  budget: Budget,
): Promise<ShapePlan> {
  const tokens = request.longestRowTokens - 1;
  const isShort = tokens < LEAST_KERNEL_ROWS;
  const choices = request.microBatchRows === null && !isShort ? MICRO_BATCH_ROWS : [start.microBatchRows];
  let best = { plan: start, seconds: Number.POSITIVE_INFINITY };
  for (const segmentCandidates of SEGMENT_CANDIDATES) {
    for (const microBatchRows of choices) {
      const plan = { ...start, segmentCandidates, microBatchRows };
      if (!fits(plan, request)) continue;
      // Alone, a candidate takes the baseline's place; in a segment the baseline goes with the others.
      const groups = segmentCandidates === 1 ? 1 : 1 + segmentCandidates;
      const seconds = await budget.time(() => probe.layerSeconds(groups, microBatchRows, tokens));
      if (seconds === null) return best.plan;
      const secondsPerCandidate = seconds / (segmentCandidates * microBatchRows);
      if (secondsPerCandidate * WORTHWHILE < best.seconds) best = { plan, seconds: secondsPerCandidate };
    }
  }
  return best.plan;
}

function fits(plan: ShapePlan, request: PlanRequest): boolean {
  return memoryOf(plan, request).totalBytes <= request.memoryLimitBytes;
}

function memoryOf(plan: ShapePlan, { shape, longestRowTokens, format }: PlanRequest) {
  return workerMemory(shape, plan, longestRowTokens, format);
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

/** Time that may be spent on measuring. A measurement that would not end in time is not begun. */
class Budget {
  private leftSeconds: number;
  private lastSeconds = 0;

  constructor(seconds: number) {
    this.leftSeconds = seconds;
  }

  /** @returns null when the budget is used up, or would be before this had run twice */
  async time(measure: () => Promise<number>): Promise<number | null> {
    if (this.leftSeconds < 2 * this.lastSeconds) return null;
    const startedMs = performance.now();
    const seconds = await measure();
    this.lastSeconds = (performance.now() - startedMs) / 1000;
    this.leftSeconds -= this.lastSeconds;
    return seconds;
  }
}
