import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { OracleEvaluator, oomKills } from '@blockpruner/inference';
import type { Cell } from '@blockpruner/perplexity';
import { createLogger } from '@blockpruner/telemetry';
import {
  descendants,
  temporaryFolder,
  TINY_MODELS,
  tinyRows,
  waitFor,
  writeTinyModel,
  type TemporaryFolder,
  type TinyModelSpec,
} from '@blockpruner/testkit';
import type { Welcome, WireTask, WorkerMessage } from '@blockpruner/wire';
import { TaskRunner, type ComputeOptions } from '../src/task-runner.ts';
import { WorkAccount } from '../src/work-account.ts';

type TaskFailed = Extract<WorkerMessage, { kind: 'taskFailed' }>;

/** A task runner with a real compute child and a tiny model, and what it says to its coordinator. */
export class RunnerHarness {
  readonly folder: TemporaryFolder;
  readonly welcome: Welcome;
  readonly runner: TaskRunner;
  readonly said: WorkerMessage[] = [];
  readonly account = new WorkAccount();
  private readonly spec: TinyModelSpec;

  private constructor(
    folder: TemporaryFolder,
    spec: TinyModelSpec,
    fingerprint: string,
    options: Partial<ComputeOptions>,
    systemRoot?: string,
  ) {
    this.folder = folder;
    this.spec = spec;
    this.welcome = {
      kind: 'welcome',
      protocol: 1,
      runId: 'run',
      model: { path: folder.path, fingerprint },
      heartbeatMs: 1000,
      shapePlan: CPU_SHAPE_PLAN,
      longestRowTokens: 2000,
      microBatchRows: null,
      artifacts: null,
    };
    const logger = createLogger({ level: 'error', format: 'json', stream: new PassThrough().resume() });
    this.runner = new TaskRunner(
      {
        cacheFolder: folder.path,
        device: 'cpu',
        dtype: 'fp32',
        threads: 1,
        maxThreads: 1,
        sharedWeights: false,
        memoryLimitBytes: 2 ** 30,
        deviceMemoryBytes: 2 ** 30,
        stages: 1,
        environment: process.env,
        ...options,
      },
      this.account,
      logger,
      () => oomKills(systemRoot),
    );
  }

  /** Loads the model and waits for `ready`. @param systemRoot where the counter of OOM kills is looked for */
  static async start(
    changes: Partial<TinyModelSpec> = {},
    options: Partial<ComputeOptions> = {},
    systemRoot?: string,
  ): Promise<RunnerHarness> {
    const folder = temporaryFolder();
    const spec = { ...TINY_MODELS['llama-mha-tied'], ...changes };
    await writeTinyModel(folder.path, spec);
    const { fingerprint } = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const harness = new RunnerHarness(folder, spec, fingerprint, options, systemRoot);
    await harness.connect();
    const [answer] = harness.said;
    if (answer?.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(answer)}`);
    return harness;
  }

  async connect(changes: Partial<Welcome> = {}): Promise<void> {
    await this.runner.welcomed(
      { ...this.welcome, ...changes },
      {
        send: (message) => this.said.push(message),
        onLoading: () => undefined,
        onInHand: () => undefined,
        onFailed: (reason) => this.said.push({ kind: 'failed', reason }),
      },
    );
  }

  close(): void {
    this.runner.close();
    this.folder.remove();
  }

  /** A task over all blocks and the dense model; `rowTokens` are the lengths of its rows. */
  task(taskId: string, rowTokens: readonly number[], changes: Partial<WireTask> = {}): WireTask {
    const { vocabSize, seed, layerCount } = this.spec;
    return {
      taskId,
      base: [],
      candidates: Array.from({ length: 2 * layerCount }, (_, block) => block),
      unit: 'block',
      baseline: true,
      rows: tinyRows(vocabSize, seed, rowTokens).map((tokenIds, index) => ({ index, tokenIds })),
      plan: CPU_SHAPE_PLAN,
      inFp32: false,
      ...changes,
    };
  }

  /** The process that computes now. */
  async childPid(): Promise<number> {
    let pid: number | undefined;
    await waitFor(() => (pid = descendants(process.pid).find(isComputeChild)) !== undefined, {
      timeoutMs: 30_000,
    });
    return pid ?? 0;
  }

  /** Kills the child once it has delivered cells of the task. */
  async killDuring(taskId: string): Promise<void> {
    await this.says((message) => message.kind === 'cells' && message.taskId === taskId);
    process.kill(await this.childPid(), 'SIGKILL');
  }

  async says(isIt: (message: WorkerMessage) => boolean): Promise<WorkerMessage> {
    await waitFor(() => this.said.some(isIt), { timeoutMs: 60_000 });
    return this.said.find(isIt)!;
  }

  done(taskId: string): Promise<WorkerMessage> {
    return this.says((message) => message.kind === 'taskDone' && message.taskId === taskId);
  }

  async failure(taskId: string): Promise<TaskFailed> {
    const isIt = (message: WorkerMessage): message is TaskFailed =>
      message.kind === 'taskFailed' && message.taskId === taskId;
    await this.says(isIt);
    return this.said.find(isIt)!;
  }

  cells(taskId: string): Map<string, Float64Array> {
    return byKey(
      this.said.flatMap((message) =>
        message.kind === 'cells' && message.taskId === taskId ? message.cells : [],
      ),
    );
  }

  /** The cells of a task by the slow evaluator. */
  async oracleCells(task: WireTask): Promise<Map<string, Float64Array>> {
    const checkpoint = await openCheckpoint(this.folder.path, { cacheFolder: this.folder.path });
    const oracle = await OracleEvaluator.load(checkpoint, { device: 'cpu', threads: 1 });
    const cells: Cell[] = [];
    await oracle.evaluate(task, task.rows, task.plan, (batch) => cells.push(...batch));
    await oracle.close();
    return byKey(cells);
  }
}

function byKey(cells: readonly Cell[]): Map<string, Float64Array> {
  return new Map(cells.map((cell) => [`${cell.candidate}/${cell.row}`, cell.windowSums]));
}

function isComputeChild(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('session-child');
  } catch {
    return false; // it has just ended
  }
}
