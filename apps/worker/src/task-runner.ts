import { SessionProcess } from '@blockpruner/inference';
import { formatMask } from '@blockpruner/blocks';
import type { Logger } from '@blockpruner/telemetry';
import type { CoordinatorMessage, WireTask, WorkerMessage } from '@blockpruner/wire';
import type { WorkerOptions } from './options.ts';

type Model = Extract<CoordinatorMessage, { kind: 'welcome' }>['model'];

/** Where messages to the coordinator go while there is one. */
export type Send = (message: WorkerMessage) => void;

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
 * 3. A child that dies fails the tasks it had, and is started again; after three deaths without a finished task
 *    the worker declares itself failed.
 */
export class TaskRunner {
  private readonly options: WorkerOptions;
  private readonly logger: Logger;
  private readonly tasks = new Map<string, WireTask>();
  private session: SessionProcess | undefined;
  private loaded: { model: Model; fingerprint: string } | undefined;
  private send: Send | undefined;
  private deaths = 0;

  constructor(options: WorkerOptions, logger: Logger) {
    this.options = options;
    this.logger = logger;
  }

  /** A coordinator has welcomed us: gets its model ready, then says so. */
  async welcomed(model: Model, send: Send): Promise<void> {
    this.send = send;
    try {
      const fingerprint = await this.loadOnce(model);
      if (this.send !== send) return;
      if (fingerprint === model.fingerprint) send({ kind: 'ready', modelFingerprint: fingerprint });
      else {
        send({
          kind: 'failed',
          reason: `${model.path} is another model here: fingerprint ${fingerprint}, the coordinator's is ${model.fingerprint}; copy the coordinator's file to this machine`,
        });
      }
    } catch (error) {
      if (this.send === send) send({ kind: 'failed', reason: (error as Error).message });
    }
  }

  /** The connection is gone: what was being computed is no longer ours (2). */
  disconnected(): void {
    this.send = undefined;
    for (const taskId of this.tasks.keys()) this.session?.cancel(taskId);
    this.tasks.clear();
  }

  assign(task: WireTask): void {
    this.logger.debug(
      {
        task: task.taskId,
        mask: formatMask(task.base),
        candidates: task.candidates.length,
        rows: task.rows.length,
      },
      'task taken',
    );
    this.tasks.set(task.taskId, task);
    this.session?.evaluate({
      taskId: task.taskId,
      sweep: { base: task.base, candidates: task.candidates, baseline: task.baseline },
      rows: task.rows,
      plan: task.plan,
    });
  }

  cancel(taskId: string): void {
    if (this.tasks.delete(taskId)) this.session?.cancel(taskId);
  }

  close(): void {
    this.disconnected();
    this.session?.close();
  }

  private async loadOnce(model: Model): Promise<string> {
    if (this.session && this.loaded?.model.fingerprint === model.fingerprint) return this.loaded.fingerprint;
    this.session?.close();
    this.loaded = undefined;
    const { device, threads, cacheFolder } = this.options;
    const session = new SessionProcess({
      onLoading: (what, doneBytes, totalBytes) =>
        this.logger.debug({ what, doneBytes, totalBytes }, 'loading the model'),
      onCells: (taskId, cells) => this.forward(taskId, { kind: 'cells', taskId, cells }),
      onDone: (taskId, computeSeconds) => {
        this.deaths = 0;
        this.forward(taskId, { kind: 'taskDone', taskId, computeSeconds });
        this.tasks.delete(taskId);
      },
      onFailed: (taskId, reason, retryable) => {
        this.logger.warn({ task: taskId, reason }, 'task failed');
        this.forward(taskId, { kind: 'taskFailed', taskId, reason, retryable });
        this.tasks.delete(taskId);
      },
      onExit: (reason) => this.sessionDied(model, reason),
    });
    this.session = session;
    this.logger.info({ model: model.path, device, threads }, 'loading the model');
    const startedMs = performance.now();
    const fingerprint = await session.load({ modelPath: model.path, cacheFolder, device, threads });
    this.loaded = { model, fingerprint };
    this.logger.info({ seconds: (performance.now() - startedMs) / 1000 }, 'model loaded');
    return fingerprint;
  }

  private forward(taskId: string, message: WorkerMessage): void {
    if (this.tasks.has(taskId)) this.send?.(message);
  }

  private sessionDied(model: Model, reason: string): void {
    this.session = undefined;
    const wasLoaded = this.loaded !== undefined;
    this.loaded = undefined;
    this.deaths += 1;
    this.logger.error({ reason, deaths: this.deaths }, 'the compute process died');
    for (const taskId of this.tasks.keys()) {
      this.send?.({ kind: 'taskFailed', taskId, reason, retryable: true });
    }
    this.tasks.clear();
    const { send } = this;
    if (!wasLoaded || send === undefined) return;
    if (this.deaths >= MAX_DEATHS_IN_A_ROW) {
      send({ kind: 'failed', reason: `${reason}, ${this.deaths} times in a row without a finished task` });
      return;
    }
    void this.welcomed(model, send);
  }
}
