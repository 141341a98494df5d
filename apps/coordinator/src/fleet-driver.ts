import { unitOf, type ModelShape, type ShapePlan } from '@blockpruner/blocks';
import { Fleet, FleetError, type FleetCounters, type FleetEvent, type Work } from '@blockpruner/fleet';
import type { Cell, CellId } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';
import {
  FleetServer,
  PROTOCOL_VERSION,
  type Hello,
  type WorkerConnection,
  type WorkerMessage,
} from '@blockpruner/wire';
import { BarrenStays } from './barren-stays.ts';
import { RunningClock } from './running-clock.ts';
import { ShapePlans } from './shape-plans.ts';
import { RunError } from './usage-error.ts';

const HEARTBEAT_MS = 2000;
const HEARTBEAT_TIMEOUT_MS = 15_000;
const TICK_MS = 500;
const clock = new RunningClock();

/** Where cells come from. */
export interface CellSource {
  readonly workerName: string;
  readonly numericClass: string;
  /** Whether they were asked for in fp32, whatever the class. */
  readonly inFp32: boolean;
}

export interface FleetDriverOptions {
  readonly runId: string;
  readonly model: { readonly path: string; readonly fingerprint: string };
  readonly shape: ModelShape;
  readonly rows: readonly Int32Array[];
  /** Plans of numeric classes that a resumed run has fixed. */
  readonly shapePlans?: ShapePlans;
  readonly longestRowTokens: number;
  /** Rows a micro-batch, where the user has fixed them. */
  readonly microBatchRows: number | null;
  /** How long a worker may compute without delivering a cell. */
  readonly leaseMs: number;
  /** The class of the cells a resumed run already has. */
  readonly numericClass?: string;
  /** Whether workers of other classes are let in too. */
  readonly mixedClasses: boolean;
  /** Whether workers that cannot be used may be followed by others. */
  readonly remote: boolean;
  readonly logger: Logger;
  /** New cells, each once. */
  readonly onCells: (cells: readonly Cell[], source: CellSource) => void;
  /** What the journal shall hold of the workers: who joined, the plan of a class, a plan that shrank. */
  readonly onNote: (note: FleetNote) => void;
}

/** An event with fields of its own. */
export type FleetNote = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** What goes on inside an evaluation, for displays. */
export interface EvaluationProgress {
  readonly doneCells: number;
  readonly totalCells: number;
  readonly doneFlops: number;
  readonly totalFlops: number;
  readonly tokensPerSecond: number;
  readonly readyWorkers: number;
  /** Those that still load their model, too. */
  readonly connectedWorkers: number;
}

/**
 * Connects the fleet's state machine to real workers: messages and time go in, assignments and log lines come
 * out.
 *
 * Invariants:
 * 1. At most one evaluation is under way; it ends when every missing cell has arrived, or with the first error.
 * 2. A worker has exactly one connection; one that says hello again under its id replaces the old connection.
 * 3. After `close` nothing is sent and no callback is called.
 */
export class FleetDriver {
  private readonly options: FleetDriverOptions;
  private readonly fleet: Fleet;
  private readonly server: FleetServer;
  private readonly connections = new Map<string, WorkerConnection>();
  private readonly workerIds = new Map<WorkerConnection, string>();
  private readonly names = new Map<string, string>();
  private readonly classes = new Map<string, string>();
  /** By the worker's name, FLOP/s. */
  private readonly peaks = new Map<string, number>();
  private readonly stays = new BarrenStays();
  private flopsOfFinished = 0;
  readonly shapePlans: ShapePlans;
  private readonly ticker: NodeJS.Timeout;
  private evaluation:
    { resolve: () => void; reject: (error: Error) => void; onProgress: () => void } | undefined;
  private failure: Error | undefined;
  private closed = false;

  constructor(options: FleetDriverOptions) {
    this.options = options;
    this.shapePlans = options.shapePlans ?? new ShapePlans();
    this.fleet = new Fleet({
      shape: options.shape,
      rowTokens: options.rows.map((row) => row.length),
      leaseMs: options.leaseMs,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      maxTasksPerWorker: 2,
      mixedClasses: options.mixedClasses,
      numericClass: options.numericClass,
    });
    this.server = new FleetServer({
      onHello: (connection, hello) => this.guard(() => this.join(connection, hello)),
      onMessage: (connection, message) => this.guard(() => this.receive(connection, message)),
      onRejected: (peer, reason) => {
        if (!this.closed) options.logger.warn({ peer, reason }, 'worker refused');
      },
      onClosed: (connection, reason) => this.guard(() => this.leave(connection, 'lost', reason)),
    });
    this.ticker = setInterval(() => this.guard(() => this.expire()), TICK_MS);
  }

  get counters(): Readonly<FleetCounters> {
    return this.fleet.counters;
  }

  get numericClass(): string | undefined {
    return this.fleet.numericClass;
  }

  /** FLOPs of all that was computed so far, as whole sweeps compute it. */
  get flops(): number {
    return this.flopsOfFinished + (this.evaluation ? this.fleet.progress().doneFlops : 0);
  }

  /** FLOP/s that each of these workers measured on its device; 0 where it has measured nothing. */
  peaksOf(workerNames: Iterable<string>): number[] {
    return Array.from(workerNames, (name) => this.peaks.get(name) ?? 0);
  }

  /** @throws WireError when the port is in use or the host cannot be listened on */
  listen(host: string, port: number): Promise<number> {
    return this.server.listen(host, port);
  }

  /**
   * Has the missing cells of a sweep computed on the given rows.
   * @param onProgress called at every change and tick
   * @throws RunError or FleetError when it cannot be done
   */
  async evaluate(
    sweep: Omit<Work, 'rows'>,
    rows: readonly number[],
    isMissing: (id: CellId) => boolean,
    onProgress: (progress: EvaluationProgress) => void,
  ): Promise<void> {
    const report = (): void =>
      onProgress({
        ...this.fleet.progress(),
        tokensPerSecond: this.fleet.tokensPerSecond(now()),
        readyWorkers: this.fleet.workers().filter((worker) => worker.isReady).length,
        connectedWorkers: this.connections.size,
      });
    const finished = new Promise<void>((resolve, reject) => {
      this.evaluation = { resolve, reject, onProgress: report }; // (1)
    });
    this.guard(() => this.log(this.fleet.submit({ ...sweep, rows }, isMissing)));
    if (this.failure) this.fail(this.failure);
    return finished.finally(() => {
      this.flopsOfFinished += this.fleet.progress().doneFlops;
      this.evaluation = undefined;
    });
  }

  /** Ends the evaluation under way, and every later one, with this error. */
  fail(error: Error): void {
    this.failure ??= error;
    this.evaluation?.reject(this.failure);
  }

  /** @param finished tells the workers that the run is over, so that they do not dial again */
  async close(finished: boolean): Promise<void> {
    clearInterval(this.ticker);
    if (finished) for (const connection of this.connections.values()) connection.send({ kind: 'finished' });
    this.closed = true; // (3)
    await this.server.close();
  }

  private join(connection: WorkerConnection, hello: Hello): void {
    const { logger } = this.options;
    const { workerId, name, numericClass, device } = hello;
    const known = this.connections.get(workerId);
    if (known) {
      this.leave(known, 'lost', 'the worker dialled again'); // (2)
      known.close();
    }
    const answer = this.fleet.join({ id: workerId, name, numericClass, device }, now());
    if (!answer.accepted) {
      logger.warn({ worker: name, peer: connection.peer, reason: answer.reason }, 'worker refused');
      connection.refuse(answer.reason);
      return;
    }
    this.connections.set(workerId, connection);
    this.workerIds.set(connection, workerId);
    this.names.set(workerId, name);
    this.classes.set(workerId, numericClass);
    this.stays.begin(workerId, name, device);
    logger.info(
      { worker: name, device, numericClass, threads: hello.threads, peer: connection.peer },
      'worker joined',
    );
    const { threads, version } = hello;
    this.options.onNote({ kind: 'worker-joined', name, device, numericClass, threads, version });
    const { runId, model, longestRowTokens, microBatchRows } = this.options;
    connection.send({
      kind: 'welcome',
      protocol: PROTOCOL_VERSION,
      runId,
      model,
      heartbeatMs: HEARTBEAT_MS,
      shapePlan: this.shapePlans.of(numericClass) ?? null,
      longestRowTokens,
      microBatchRows,
    });
  }

  private receive(connection: WorkerConnection, message: WorkerMessage): void {
    const workerId = this.workerIds.get(connection);
    if (workerId === undefined) return; // of a connection already given up
    const { logger, model } = this.options;
    const worker = this.nameOf(workerId);
    switch (message.kind) {
      case 'ready':
        if (message.modelFingerprint !== model.fingerprint) {
          connection.refuse(
            `the model loaded has fingerprint ${message.modelFingerprint}, not ${model.fingerprint}`,
          );
          return;
        }
        this.offerPlan(workerId, message.shapePlan);
        this.peaks.set(worker, message.peakFlopsPerSecond);
        return this.admit(connection, workerId);
      case 'heartbeat':
        return this.log(this.fleet.heartbeat(workerId, now(), message.taskId));
      case 'cells': {
        const { accepted, inFp32, events } = this.fleet.cells(workerId, message.taskId, message.cells, now());
        const source = { workerName: worker, numericClass: this.classOf(workerId), inFp32 };
        if (accepted.length > 0) this.stays.delivered(workerId);
        if (accepted.length > 0) this.options.onCells(accepted, source);
        return this.log(events);
      }
      case 'taskDone':
        return this.log(this.fleet.done(workerId, message.taskId, now()));
      case 'taskFailed':
        if (!message.retryable) throw new RunError(message.reason);
        if (message.shrunkPlan) {
          const shrunk = { worker, numericClass: this.classOf(workerId), shapePlan: message.shrunkPlan };
          logger.warn(
            { ...shrunk, reason: message.reason },
            'a worker computes with a smaller shape plan now',
          );
          this.options.onNote({ kind: 'shape-plan-shrunk', ...shrunk, reason: message.reason });
          return this.log(this.fleet.handedBack(workerId, message.taskId, message.reason, now()));
        }
        return this.log(this.fleet.failed(workerId, message.taskId, message.reason, now()));
      case 'failed': {
        logger.error({ worker, reason: message.reason }, 'worker cannot work for this run');
        this.leave(connection, 'drained', message.reason);
        const { remote } = this.options;
        if (!remote && this.connections.size === 0)
          throw new RunError(`no worker can work: ${message.reason}`);
        return;
      }
      case 'draining':
        return this.log(this.fleet.drain(workerId, message.taskId, message.reason, now()));
      case 'leaving':
        return this.leave(connection, 'drained', message.reason);
      case 'hello':
        return; // wire accepts it only as the first message
    }
  }

  /** Tasks may go to the worker: now, or later where its place has brought nothing lately. */
  private admit(connection: WorkerConnection, workerId: string): void {
    const waitMs = this.stays.waitMs(workerId, now());
    if (waitMs === 0) return this.log(this.fleet.ready(workerId, now()));
    const waits = { worker: this.nameOf(workerId), seconds: Math.ceil(waitMs / 1000) };
    this.options.logger.warn(waits, 'worker gets no task yet: lost again and again without delivering');
    setTimeout(() => {
      this.guard(() => {
        if (this.connections.get(workerId) === connection) this.log(this.fleet.ready(workerId, now()));
      });
    }, waitMs);
  }

  private offerPlan(workerId: string, shapePlan: ShapePlan): void {
    const numericClass = this.classOf(workerId);
    if (!this.shapePlans.offer(numericClass, shapePlan)) return;
    const worker = this.nameOf(workerId);
    this.options.logger.info({ worker, numericClass, shapePlan }, 'shape plan fixed');
    this.options.onNote({ kind: 'shape-plan', numericClass, shapePlan, worker });
  }

  /** A worker given up for its silence is cut off, so that it dials again if it lives. */
  private expire(): void {
    const events = this.fleet.expire(now());
    this.log(events);
    for (const event of events) {
      const connection = event.kind === 'worker-left' ? this.connections.get(event.workerId) : undefined;
      if (connection === undefined) continue;
      this.forget(connection, 'lost');
      connection.close();
    }
  }

  private leave(connection: WorkerConnection, how: 'lost' | 'drained', reason: string): void {
    const workerId = this.forget(connection, how);
    if (workerId !== undefined) this.log(this.fleet.leave(workerId, how, reason));
  }

  private forget(connection: WorkerConnection, how: 'lost' | 'drained'): string | undefined {
    const workerId = this.workerIds.get(connection);
    if (workerId === undefined) return undefined;
    this.workerIds.delete(connection);
    this.connections.delete(workerId);
    this.stays.end(workerId, how === 'lost', now());
    return workerId;
  }

  /** Runs one step of the state machine, then sends out what is to be done now. */
  private guard(step: () => void): void {
    if (this.closed) return;
    try {
      step();
      this.assign();
      if (this.evaluation && this.fleet.idle()) this.evaluation.resolve();
    } catch (error) {
      if (error instanceof FleetError) this.log(error.events);
      this.fail(error as Error);
    }
    this.evaluation?.onProgress();
  }

  private assign(): void {
    const { assignments, events } = this.fleet.assignments(now());
    this.log(events);
    for (const { workerId, task } of assignments) {
      const { id, base, candidates, baseline, inFp32 = false } = task;
      const rows = task.rows.map((index) => ({ index, tokenIds: this.options.rows[index] }));
      const plan = this.shapePlans.of(this.classOf(workerId));
      if (plan === undefined)
        throw new Error(`worker ${this.nameOf(workerId)} is ready without a shape plan`);
      this.stays.tookTask(workerId);
      this.connections.get(workerId)?.send({
        kind: 'assign',
        task: { taskId: id, base, candidates, unit: unitOf(task), baseline, rows, plan, inFp32 },
      });
    }
  }

  private classOf(workerId: string): string {
    return this.classes.get(workerId) ?? '';
  }

  private nameOf(workerId: string): string {
    return this.names.get(workerId) ?? workerId;
  }

  private log(events: readonly FleetEvent[]): void {
    const { logger } = this.options;
    for (const { kind, ...fields } of events) {
      const named = 'workerId' in fields ? { ...fields, worker: this.nameOf(fields.workerId) } : fields;
      switch (kind) {
        case 'worker-left':
        case 'lease-expired':
        case 'task-failed':
        case 'task-reissued':
        case 'protocol-fault':
        case 'cell-condemned':
          logger.warn(named, kind.replaceAll('-', ' '));
          break;
        case 'worker-ready':
        case 'worker-draining':
          logger.info(named, kind.replaceAll('-', ' '));
          break;
        case 'worker-joined':
        case 'worker-refused':
          break; // logged with more where it happens
        case 'work-cut':
        case 'task-split':
        case 'task-done':
          logger.debug(named, kind.replaceAll('-', ' '));
          break;
      }
    }
  }
}

function now(): number {
  return clock.now();
}
