import { formatMask, type ShapePlan } from '@blockpruner/blocks';
import { DeviceError, type LoadedModel, type LoadRequest, type TaskFailure } from '@blockpruner/inference';
import type { Logger } from '@blockpruner/telemetry';
import type { Welcome, WireTask, WorkerMessage } from '@blockpruner/wire';
import { ComputeChild, MORE_MEMORY, type ChildDeath, type SubmittedTask } from './compute-child.ts';
import { PlanLimit } from './plan-limit.ts';
import type { WorkAccount } from './work-account.ts';

/** What hears of the work while there is a coordinator. */
export interface RunnerListener {
  /** A message to the coordinator. */
  send(message: WorkerMessage): void;
  /** The run's model is being loaded by this process; `ready` is sent when it has it. */
  onLoading(computePid: number | undefined): void;
  /** So many tasks are in hand now. */
  onInHand(taskCount: number): void;
  /**
   * Nothing can be done for this run, for the reason.
   * @param isFit whether another run may be served; else the device or the compute process is at fault
   */
  onFailed(reason: string, isFit: boolean): void;
}

/** What a compute child is started with, whatever the run. */
export interface ComputeOptions extends Omit<
  LoadRequest,
  'modelPath' | 'longestRowTokens' | 'microBatchRows' | 'shapePlan'
> {
  /** Environment variables of the compute child. */
  readonly environment: NodeJS.ProcessEnv;
}

/** A compute child that dies this often without finishing a task has a reason to. */
const MAX_DEATHS_IN_A_ROW = 3;

/**
 * What a worker does between hello and goodbye: holds one compute child with the coordinator's model, gives it
 * the tasks that arrive, and sends back what it computes.
 *
 * Invariants:
 * 1. One model is loaded at a time; it stays loaded over a lost connection, and `ready` is sent on each.
 * 2. Cells are sent only for tasks of the present connection: `disconnected` cancels the others, since a lost
 *    stream is a lost lease.
 * 3. A child that dies fails the task it was computing and is started again, with the plan and threads it had; the
 *    tasks that waited wait on. After three deaths without a finished task the worker is not fit. A
 *    death or failure that shrinks the plan is not counted: there is an end to that.
 * 4. No task is computed with a larger plan than the limit, which lives as long as the run.
 * 5. A child in which onnxruntime failed computes nothing more: it keeps the memory it took, and a CUDA context is
 *    not to be trusted after an error.
 */
export class TaskRunner {
  private readonly options: ComputeOptions;
  private readonly account: WorkAccount;
  private readonly logger: Logger;
  private readonly countOomKills: () => number | undefined;
  private readonly tasks = new Map<string, WireTask>();
  private run: Welcome | undefined;
  private limit = new PlanLimit();
  private child: ComputeChild | undefined;
  private loaded: LoadedModel | undefined;
  private listener: RunnerListener | undefined;
  private progressed: string | null = null;
  private deaths = 0;

  /** @param countOomKills `oomKills` of the inference library */
  constructor(
    options: ComputeOptions,
    account: WorkAccount,
    logger: Logger,
    countOomKills: () => number | undefined,
  ) {
    this.options = options;
    this.account = account;
    this.logger = logger;
    this.countOomKills = countOomKills;
  }

  /** A coordinator has welcomed us: gets its model ready, then says so. */
  async welcomed(welcome: Welcome, listener: RunnerListener): Promise<void> {
    this.listener = listener;
    const { run } = this;
    const isKnown = run !== undefined && serves(run, welcome);
    if (!isKnown) {
      this.limit = new PlanLimit(); // (4)
      this.loaded = undefined;
    }
    this.run = isKnown ? { ...welcome, longestRowTokens: run.longestRowTokens } : welcome;
    await this.announce(isKnown && this.child ? this.child : this.start(this.run), welcome);
  }

  /** The connection is gone: what was being computed is no longer ours (2). */
  disconnected(): void {
    this.listener = undefined;
    for (const taskId of [...this.tasks.keys()]) this.cancel(taskId);
  }

  assign(task: WireTask): void {
    const { taskId, base, candidates, rows } = task;
    this.logger.debug(
      { task: taskId, mask: formatMask(base), candidates: candidates.length, rows: rows.length },
      'task taken',
    );
    this.tasks.set(taskId, task);
    this.listener?.onInHand(this.tasks.size);
    this.submit(task);
  }

  /** The task that has got on without a cell since this was last asked. */
  takeProgress(): string | null {
    const taskId = this.progressed;
    this.progressed = null;
    return taskId;
  }

  /** Gives up the tasks that wait. @returns the task being computed, or null where there is none */
  keepOnlyRunning(): string | null {
    const [running = null, ...waiting] = this.tasks.keys();
    for (const taskId of waiting) this.cancel(taskId);
    return running;
  }

  cancel(taskId: string): void {
    if (!this.tasks.has(taskId)) return;
    this.child?.cancel(taskId);
    this.account.cancelled();
    this.putDown(taskId);
  }

  close(): void {
    this.disconnected();
    this.child?.close();
  }

  private start({ model, longestRowTokens, microBatchRows, shapePlan }: Welcome): ComputeChild {
    this.stop();
    const { environment, ...options } = this.options;
    const known = this.loaded;
    const request: LoadRequest = {
      ...options,
      threads: known?.threads ?? options.threads,
      modelPath: model.path,
      longestRowTokens,
      microBatchRows,
      shapePlan: known?.shapePlan ?? shapePlan,
    };
    const { device, dtype, threads } = request;
    this.logger.info({ model: model.path, device, dtype, threads }, 'loading the model');
    const startedMs = performance.now();
    const child = new ComputeChild(request, environment, this.countOomKills, {
      onLoading: (what, doneBytes, totalBytes) =>
        this.logger.debug({ what, doneBytes, totalBytes }, 'loading the model'),
      onCells: (taskId, cells) => {
        if (cells.length > 0) this.forward(taskId, { kind: 'cells', taskId, cells });
        else this.progressed = taskId;
      },
      onDone: (submitted, computeSeconds) => this.done(submitted, computeSeconds),
      onFailed: (submitted, failure) => this.failed(submitted, failure),
      onDeath: (death) => this.died(death),
    });
    this.child = child;
    child.model.then(
      (loaded) => {
        if (this.child !== child || loaded.fingerprint !== model.fingerprint) return;
        this.loaded = loaded;
        this.account.loaded(loaded);
        const { shapePlan, threads, notes } = loaded;
        const seconds = (performance.now() - startedMs) / 1000;
        this.logger.info({ seconds, threads, shapePlan }, 'model loaded');
        for (const note of notes) this.logger.warn(note);
        for (const task of this.tasks.values()) this.submit(task);
      },
      () => undefined, // told to whom it was announced
    );
    return child;
  }

  /** Says what came of loading, where it is still the same connection that asked. */
  private async announce(child: ComputeChild, welcome: Welcome): Promise<void> {
    const { listener } = this;
    listener?.onLoading(child.pid);
    try {
      const { fingerprint, shapePlan, peakFlopsPerSecond } = await child.model;
      if (fingerprint !== welcome.model.fingerprint) throw new Error(anotherModel(welcome, fingerprint));
      if (this.listener !== listener) return;
      listener?.send({
        kind: 'ready',
        modelFingerprint: fingerprint,
        shapePlan: welcome.shapePlan ?? shapePlan,
        peakFlopsPerSecond,
      });
    } catch (error) {
      if (this.child === child) this.stop(); // the next welcome looks at the model anew
      if (this.listener === listener)
        listener?.onFailed((error as Error).message, !(error instanceof DeviceError));
    }
  }

  private stop(): void {
    this.child?.close();
    this.child = undefined;
  }

  /** What arrives while the child loads is submitted behind its model. */
  private submit(task: WireTask): void {
    if (this.child?.isLoaded) this.child.submit(task, this.limit.cap(task.plan)); // (4)
  }

  private done({ task }: SubmittedTask, computeSeconds: number): void {
    this.deaths = 0;
    this.limit.computed(task);
    const { taskId } = task;
    this.logger.debug({ task: taskId, computeSeconds }, 'task done');
    this.account.done(task, computeSeconds);
    this.forward(taskId, { kind: 'taskDone', taskId, computeSeconds });
    this.putDown(taskId);
  }

  private failed(submitted: SubmittedTask, { cause, reason }: TaskFailure): void {
    if (cause === 'out-of-memory' || cause === 'provider') {
      this.outgrown(submitted, reason); // (5)
      this.restart(reason);
    } else this.fail(submitted.task, { reason, retryable: cause !== 'non-finite' });
  }

  private died({ reason, running, isOomKill }: ChildDeath): void {
    this.logger.error({ reason, isOomKill, task: running?.task.taskId }, 'the compute process died');
    if (running === null) this.deaths += 1;
    else {
      const hasDiedBefore = this.limit.hasDiedBefore(running.task);
      if (isOomKill) this.outgrown(running, `${reason} for want of memory`);
      else if (hasDiedBefore)
        this.outgrown(running, `${reason} twice over one task, as if for want of memory`);
      else {
        this.deaths += 1;
        this.fail(running.task, { reason, retryable: true });
      }
    }
    this.restart(reason);
  }

  /** The task did not fit: this and every later one is computed with a smaller plan. */
  private outgrown({ task, plan }: SubmittedTask, reason: string): void {
    const shrunkPlan = this.limit.shrinkBelow(plan);
    if (shrunkPlan === null) {
      this.deaths += 1;
      this.fail(task, {
        reason: `${reason}; the plan cannot shrink further: ${MORE_MEMORY}`,
        retryable: true,
      });
    } else {
      this.logger.warn({ task: task.taskId, plan, shrunkPlan }, 'the shape plan shrinks');
      this.fail(task, { reason, retryable: true, shrunkPlan });
    }
  }

  private fail(
    { taskId }: WireTask,
    failure: { reason: string; retryable: boolean; shrunkPlan?: ShapePlan },
  ): void {
    this.logger.warn({ task: taskId, reason: failure.reason }, 'task failed');
    if (this.tasks.has(taskId)) this.account.failed(); // else it had been cancelled
    this.forward(taskId, { kind: 'taskFailed', taskId, shrunkPlan: null, ...failure });
    this.putDown(taskId);
  }

  private putDown(taskId: string): void {
    this.tasks.delete(taskId);
    this.listener?.onInHand(this.tasks.size);
  }

  /** A new child for the tasks that wait (3). */
  private restart(reason: string): void {
    const { run, listener, deaths } = this;
    this.stop();
    if (deaths >= MAX_DEATHS_IN_A_ROW) {
      listener?.onFailed(`${reason}, ${deaths} times in a row without a finished task`, false);
    } else if (run) void this.announce(this.start(run), run);
  }

  private forward(taskId: string, message: WorkerMessage): void {
    if (this.tasks.has(taskId)) this.listener?.send(message);
  }
}

/** Whether a child that was started for one welcome can serve another. */
function serves(known: Welcome, welcome: Welcome): boolean {
  return (
    known.model.fingerprint === welcome.model.fingerprint &&
    known.longestRowTokens >= welcome.longestRowTokens &&
    (welcome.shapePlan !== null ||
      (known.shapePlan === null && known.microBatchRows === welcome.microBatchRows))
  );
}

function anotherModel({ model }: Welcome, fingerprint: string): string {
  return `${model.path} is another model here: fingerprint ${fingerprint}, the coordinator's is ${model.fingerprint}; copy the coordinator's file to this machine`;
}
