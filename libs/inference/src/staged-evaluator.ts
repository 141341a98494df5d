import { mkdir, statfs } from 'node:fs/promises';
import { checkSweep, stageRanges, type ShapePlan, type StageRange, type Sweep } from '@blockpruner/blocks';
import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import type { Cell, Evaluator, IndexedRow } from '@blockpruner/perplexity';
import { BatchWalk } from './batch-walk.ts';
import { weightFormat } from './dtype.ts';
import { EvaluationSession, type SessionOptions } from './evaluation-session.ts';
import { microBatches } from './micro-batch.ts';
import { runStage } from './stage-run.ts';
import { candidateStreams } from './stage-streams.ts';
import { planWaves, type Wave } from './stage-waves.ts';
import { WaitingStates } from './waiting-states.ts';

const DEFAULT_DISK_BUDGET_BYTES = 16 * 2 ** 30;
/** Other workers of the machine, and what else the cache holds, take from the same disk. */
const LARGEST_SHARE_OF_FREE_DISK = 0.5;

/** How a staged evaluator is set up. */
export interface StagedOptions extends Omit<SessionOptions, 'stage'> {
  /** How many parts the model is cut into, 1 to its layers. */
  readonly stages: number;
  /** Host memory for residual streams that wait for their next stage. */
  readonly stateBudgetBytes: number;
  /** Where those beyond the budget wait. */
  readonly cacheFolder: string;
  /** Disk for those beyond the budget, where so much is free. */
  readonly diskBudgetBytes?: number;
}

/** What loading stages has taken so far. */
export interface LoadTimes {
  readonly loads: number;
  readonly seconds: number;
}

/**
 * Evaluates sweeps of a model that is larger than the device, a stage at a time: all rows and candidates of a wave go
 * through one stage, then through the next. Equal bit for bit, on CPU, to one stage.
 *
 * Invariants:
 * 1. At most one stage's weights are in memory: the one before is released first.
 * 2. Every run has the groups and shapes that it has with one stage; only where a pass is cut differs.
 */
export class StagedEvaluator implements Evaluator {
  private readonly checkpoint: Checkpoint;
  private readonly options: StagedOptions;
  private readonly stages: readonly StageRange[];
  private readonly embedding: EmbeddingReader;
  private loaded: EvaluationSession | undefined;
  private times: LoadTimes = { loads: 0, seconds: 0 };

  private constructor(checkpoint: Checkpoint, options: StagedOptions, stages: readonly StageRange[]) {
    this.checkpoint = checkpoint;
    this.options = options;
    this.stages = stages;
    this.embedding = new EmbeddingReader(checkpoint);
  }

  /**
   * Loads the first stage.
   * @throws RangeError when the model has fewer layers than stages
   */
  static async load(checkpoint: Checkpoint, options: StagedOptions): Promise<StagedEvaluator> {
    const format = weightFormat(options.device, options.dtype ?? 'fp32');
    const stages = stageRanges(checkpoint.shape, options.stages, format);
    const evaluator = new StagedEvaluator(checkpoint, options, stages);
    try {
      await evaluator.session(stages[0]);
    } catch (error) {
      await evaluator.close();
      throw error;
    }
    return evaluator;
  }

  get loadTimes(): LoadTimes {
    return this.times;
  }

  /** @throws WaitingStateError when states have to wait on the disk and it is full */
  async evaluate(
    sweep: Sweep,
    rows: readonly IndexedRow[],
    plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    checkSweep(sweep, this.blockCount);
    const streams = candidateStreams(sweep, plan.segmentCandidates);
    const waves = planWaves(microBatches(rows, plan), streams, sweep.baseline, {
      budgetBytes: this.options.stateBudgetBytes + (await this.diskBudgetBytes()),
      hiddenSize: this.checkpoint.shape.hiddenSize,
      lastBoundary: this.stages[this.stages.length - 1].start,
    });
    for (const wave of waves) await this.runWave(sweep, wave, plan, onCells, signal);
  }

  async close(): Promise<void> {
    this.embedding.close();
    await this.loaded?.close();
  }

  private get blockCount(): number {
    return 2 * this.checkpoint.shape.layerCount;
  }

  private async runWave(
    sweep: Sweep,
    wave: Wave,
    { headChunkTokens }: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { blockCount } = this;
    const states = new WaitingStates(this.options.stateBudgetBytes, this.options.cacheFolder);
    try {
      for (const stage of this.stages) {
        signal?.throwIfAborted();
        const session = await this.session(stage);
        const run = { sweep, wave, stage, blockCount, states, onCells, signal };
        for (const [i, batch] of wave.batches.entries()) {
          await runStage(run, new BatchWalk(session, this.embedding, batch, headChunkTokens), i);
        }
      }
    } finally {
      await states.close();
    }
  }

  private async session(stage: StageRange): Promise<EvaluationSession> {
    if (this.loaded?.stage.start === stage.start) return this.loaded;
    await this.loaded?.close(); // (1)
    this.loaded = undefined;
    const startedMs = performance.now();
    this.loaded = await EvaluationSession.load(this.checkpoint, { ...this.options, stage });
    const seconds = (performance.now() - startedMs) / 1000;
    this.times = { loads: this.times.loads + 1, seconds: this.times.seconds + seconds };
    return this.loaded;
  }

  private async diskBudgetBytes(): Promise<number> {
    const { cacheFolder, diskBudgetBytes = DEFAULT_DISK_BUDGET_BYTES } = this.options;
    if (diskBudgetBytes === 0) return 0;
    try {
      await mkdir(cacheFolder, { recursive: true });
      const { bavail, bsize } = await statfs(cacheFolder);
      return Math.min(diskBudgetBytes, bavail * bsize * LARGEST_SHARE_OF_FREE_DISK);
    } catch {
      return 0; // a state that has to wait there all the same reports what is wrong with the folder
    }
  }
}
