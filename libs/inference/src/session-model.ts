import { largestStageBytes, workerMemory, type ShapePlan } from '@blockpruner/blocks';
import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import type { Evaluator } from '@blockpruner/perplexity';
import { chooseShapePlan, fittingPlan, type PlanRequest } from './choose-shape-plan.ts';
import { chooseStages } from './choose-stages.ts';
import { chooseThreads, type ThreadChoice } from './choose-threads.ts';
import { weightFormat, type Dtype } from './dtype.ts';
import { EvaluationSession } from './evaluation-session.ts';
import { loadOnDevice } from './load-on-device.ts';
import { sessionProbe } from './plan-probe.ts';
import { measureMatmulPeak } from './matmul-peak.ts';
import type { LoadedModel, LoadRequest } from './session-message.ts';
import { StagedEvaluator } from './staged-evaluator.ts';
import { SweepEvaluator } from './sweep-evaluator.ts';

/** More kept residual streams than this save little: some tens of rows of a model of a billion parameters. */
const MAX_STATE_BYTES = 8 * 2 ** 30;
/** Together a second at most. */
const PLAN_SECONDS = 0.6;
const THREADS_SECONDS = 0.4;
/** A GPU needs one thread to feed it. */
const GPU_THREADS = 1;
/** Rows and columns of the products that show what a GPU can do, and how many a run makes of them. */
const GPU_PRODUCT = 4096;
const GPU_CHAIN = 16;

/** Progress of making a decoded copy of a model. */
type OnProgress = (doneBytes: number, totalBytes: number, what: string) => void;

/**
 * The model of a compute child, ready to evaluate in the dtype of its class, or in fp32 for the tasks that ask for it.
 *
 * Invariants:
 * 1. The weights of at most one evaluator are in memory.
 * 2. The plan and the threads are chosen once; they stay whichever dtype computes.
 */
export class SessionModel {
  private readonly checkpoint: Checkpoint;
  private readonly request: LoadRequest;
  private readonly choice: ThreadChoice;
  private readonly plan: ShapePlan;
  private readonly notes: string[] = [];
  private held: { readonly dtype: Dtype; readonly evaluator: SweepEvaluator | StagedEvaluator } | undefined;

  private constructor(checkpoint: Checkpoint, request: LoadRequest, choice: ThreadChoice, plan: ShapePlan) {
    this.checkpoint = checkpoint;
    this.request = request;
    this.choice = choice;
    this.plan = plan;
  }

  /** @throws Error that says in one line what is wrong with the model, or what the memory lacks; DeviceError */
  static async load(request: LoadRequest, onProgress: OnProgress): Promise<SessionModel> {
    const { modelPath, cacheFolder, device } = request;
    const checkpoint = await openCheckpoint(modelPath, { cacheFolder, onProgress });
    return loadOnDevice(device, () => SessionModel.start(checkpoint, request));
  }

  private static async start(checkpoint: Checkpoint, request: LoadRequest): Promise<SessionModel> {
    const choice = await threadsOf(checkpoint, request);
    const plan = request.shapePlan ?? (await planOf(checkpoint, request, choice.threads));
    const model = new SessionModel(checkpoint, request, choice, plan);
    await model.evaluatorFor(false);
    return model;
  }

  get loaded(): LoadedModel {
    return {
      fingerprint: this.checkpoint.fingerprint,
      shape: this.checkpoint.shape,
      shapePlan: this.plan,
      peakFlopsPerSecond: this.choice.peakFlopsPerSecond,
      threads: this.choice.threads,
      notes: this.notes,
    };
  }

  /** The evaluator of a task; another dtype than the last task's is loaded first. */
  async evaluatorFor(inFp32: boolean): Promise<Evaluator> {
    const dtype = inFp32 ? 'fp32' : this.request.dtype;
    if (this.held?.dtype === dtype) return this.held.evaluator;
    const other = this.held;
    this.held = undefined;
    await other?.evaluator.close(); // (1)
    this.held = { dtype, evaluator: await this.loadEvaluator(dtype) };
    return this.held.evaluator;
  }

  private loadEvaluator(dtype: Dtype): Promise<SweepEvaluator | StagedEvaluator> {
    const { checkpoint, request, plan } = this;
    const { device, sharedWeights, cacheFolder } = request;
    const stages = stagesOf(checkpoint, { ...request, dtype, shapePlan: plan });
    const options = {
      device,
      dtype,
      threads: this.choice.threads,
      sharedWeightsFolder: sharedWeights ? cacheFolder : undefined,
      onNotShared: (reason: string) => this.notes.push(reason),
      stateBudgetBytes: stateBudgetBytes(checkpoint, request, plan, dtype, stages),
    };
    return stages === 1
      ? SweepEvaluator.load(checkpoint, options)
      : StagedEvaluator.load(checkpoint, { ...options, stages, cacheFolder });
  }
}

/** Host memory that the weights and the largest run leave. */
function stateBudgetBytes(
  { shape }: Checkpoint,
  { device, memoryLimitBytes, longestRowTokens }: LoadRequest,
  plan: ShapePlan,
  dtype: Dtype,
  stages: number,
): number {
  const memory = workerMemory(shape, plan, longestRowTokens, weightFormat(device, dtype), stages);
  const usedBytes = device === 'cpu' ? memory.totalBytes : memory.runtimeBytes;
  return Math.min(MAX_STATE_BYTES, Math.max(0, memoryLimitBytes - usedBytes));
}

function stagesOf({ shape }: Checkpoint, request: LoadRequest): number {
  const { device, dtype, stages, deviceMemoryBytes } = request;
  if (stages !== 'auto') return stages;
  const format = weightFormat(device, dtype);
  return chooseStages({ ...request, shape, format, memoryLimitBytes: deviceMemoryBytes });
}

async function threadsOf({ shape }: Checkpoint, request: LoadRequest): Promise<ThreadChoice> {
  const { device, threads, maxThreads } = request;
  if (device === 'cpu') return chooseThreads(shape, maxThreads, threads, THREADS_SECONDS);
  const gpuThreads = threads ?? GPU_THREADS;
  const size = { rows: GPU_PRODUCT, inner: GPU_PRODUCT, columns: GPU_PRODUCT, chain: GPU_CHAIN };
  const measured = { device, dtype: request.dtype, threads: gpuThreads, seconds: THREADS_SECONDS, ...size };
  return { threads: gpuThreads, peakFlopsPerSecond: await measureMatmulPeak(measured) };
}

async function planOf(checkpoint: Checkpoint, request: LoadRequest, threads: number): Promise<ShapePlan> {
  const { device, dtype, longestRowTokens, microBatchRows } = request;
  const { shape } = checkpoint;
  const format = weightFormat(device, dtype);
  // What waits in the checkpoint for its stage leaves its memory to the runs.
  const waitingBytes =
    largestStageBytes(shape, 1, format) - largestStageBytes(shape, stagesOf(checkpoint, request), format);
  const wanted: PlanRequest = {
    device,
    shape,
    format,
    longestRowTokens,
    memoryLimitBytes: request.deviceMemoryBytes + waitingBytes,
    microBatchRows,
    budgetSeconds: PLAN_SECONDS,
  };
  if (device !== 'cpu') return fittingPlan(wanted);
  // The last layer and the head: all that is measured, and little to load.
  const blockCount = 2 * shape.layerCount;
  const stage = { start: blockCount - 2, end: blockCount };
  const session = await EvaluationSession.load(checkpoint, { device, dtype, threads, stage });
  try {
    return await chooseShapePlan(sessionProbe(session, shape.hiddenSize), wanted);
  } finally {
    await session.close();
  }
}
