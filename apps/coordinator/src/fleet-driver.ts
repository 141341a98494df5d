import type { BlockIndex, Mask, ShapePlan } from '@blockpruner/blocks';
import {
  CellSupply,
  Fleet,
  FleetError,
  type CellDemand,
  type FleetCounters,
  type FleetEvent,
  type FleetState,
  type Work,
} from '@blockpruner/fleet';
import { cellKey, type CellId } from '@blockpruner/perplexity';
import {
  FleetServer,
  type Hello,
  type ServerSecurity,
  type WorkerConnection,
  type WorkerMessage,
} from '@blockpruner/wire';
import { BarrenStays } from './barren-stays.ts';
import type { EvaluationHooks, FleetDriverOptions } from './fleet-hooks.ts';
import { logFleetEvent } from './fleet-log.ts';
import { fleetRules } from './fleet-rules.ts';
import { Peers } from './peers.ts';
import { RunningClock } from './running-clock.ts';
import { ShapePlans } from './shape-plans.ts';
import { RunError } from './usage-error.ts';
import { assignment, welcome } from './words-to-workers.ts';

const TICK_MS = 500;
const clock = new RunningClock();

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
  private readonly peers = new Peers();
  private readonly stays = new BarrenStays();
  private flopsOfFinished = 0;
  private refusals = 0;
  readonly shapePlans: ShapePlans;
  private readonly ticker: NodeJS.Timeout;
  private evaluation:
    | {
        readonly resolve: () => void;
        readonly reject: (error: Error) => void;
        readonly onProgress: () => void;
        readonly onWaiting: () => void;
      }
    | undefined;
  private supply: CellSupply | null = null;
  private failure: Error | undefined;
  private closed = false;

  constructor(options: FleetDriverOptions) {
    this.options = options;
    this.shapePlans = options.shapePlans ?? new ShapePlans();
    this.fleet = new Fleet(fleetRules(options));
    this.server = new FleetServer({
      onHello: (connection, hello) => this.guard(() => this.join(connection, hello)),
      onMessage: (connection, message) => this.guard(() => this.receive(connection, message)),
      onRejected: (peer, reason) => {
        if (this.closed) return;
        this.refusals++;
        options.logger.warn({ peer, reason }, 'worker refused');
      },
      onTrouble: (reason) => options.logger.warn({ reason }, 'the port needs attention'),
      onClosed: (connection, reason) => this.guard(() => this.leave(connection, 'lost', reason)),
    });
    this.ticker = setInterval(() => this.guard(() => this.expire()), TICK_MS);
  }

  get counters(): Readonly<FleetCounters> {
    return this.fleet.counters;
  }

  /** Workers and tasks at this moment. */
  get state(): FleetState {
    return this.fleet.state;
  }

  /** Connections that were turned away, of workers and of others. */
  get refusedCount(): number {
    return this.refusals;
  }

  get numericClass(): string | undefined {
    return this.fleet.numericClass;
  }

  /** Workers that may get tasks. */
  get readyCount(): number {
    return this.fleet.readyCount;
  }

  /** FLOPs of all that was computed so far, as whole sweeps compute it. */
  get flops(): number {
    return this.flopsOfFinished + this.fleet.progress().doneFlops + this.fleet.aheadFlops;
  }

  /** FLOPs of what was asked for and is not done. */
  get flopsUnderWay(): number {
    const { totalFlops, doneFlops } = this.fleet.progress();
    return totalFlops - doneFlops;
  }

  /** FLOP/s that each of these workers measured on its device; 0 where it has measured nothing. */
  peaksOf(workerNames: Iterable<string>): number[] {
    return this.peers.peaksOf(workerNames);
  }

  /** @throws WireError when the port is in use, or the host or a file of its security cannot be used */
  listen(host: string, port: number, security: ServerSecurity): Promise<number> {
    return this.server.listen(host, port, security);
  }

  /**
   * Has cells computed until no more are wanted.
   * @param next what is wanted by now; null: nothing more
   * @param hooks called at every change and tick
   * @throws RunError or FleetError when it cannot be done, and what `next` throws
   */
  evaluate(
    next: () => CellDemand | null,
    isMissing: (id: CellId) => boolean,
    hooks: EvaluationHooks,
  ): Promise<void> {
    return this.until(() => {
      if (this.fleet.idle()) this.flopsOfFinished += this.fleet.progress().doneFlops;
      this.supply = new CellSupply(this.fleet, next, isMissing);
    }, hooks);
  }

  /**
   * Has candidates of the latest sweep computed by a second worker on a few rows, where there is one.
   * @throws as `evaluate` does
   */
  confirm(mask: Mask, candidates: readonly BlockIndex[], hooks: EvaluationHooks): Promise<void> {
    return this.until(() => this.confirmSoFar(mask, candidates), hooks);
  }

  /** Has that begun with the rows that are there, while the others are under way. */
  confirmSoFar(mask: Mask, candidates: readonly BlockIndex[]): void {
    for (const candidate of candidates) this.fleet.confirm(mask, candidate, now());
  }

  /** Has workers that would wait begin with what is likely to be asked for next. */
  runAhead(sweep: Omit<Work, 'rows'>, rows: readonly number[], isMissing: (id: CellId) => boolean): void {
    this.fleet.runAhead({ ...sweep, rows }, isMissing, now());
  }

  private async until(begin: () => void, { onProgress, onWaiting }: EvaluationHooks): Promise<void> {
    const report = (): void =>
      onProgress({
        ...this.fleet.progress(),
        tokensPerSecond: this.fleet.tokensPerSecond(now()),
        readyWorkers: this.fleet.readyCount,
        connectedWorkers: this.peers.count,
      });
    const finished = new Promise<void>((resolve, reject) => {
      this.evaluation = { resolve, reject, onProgress: report, onWaiting }; // (1)
    });
    this.guard(begin);
    if (this.failure) this.fail(this.failure);
    return finished.finally(() => {
      this.evaluation = undefined;
      this.supply = null;
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
    if (finished) for (const connection of this.peers.all()) connection.send({ kind: 'finished' });
    this.closed = true; // (3)
    await this.server.close();
  }

  private join(connection: WorkerConnection, hello: Hello): void {
    const { logger } = this.options;
    const { workerId, name, numericClass, device } = hello;
    const known = this.peers.connectionOf(workerId);
    if (known) {
      this.leave(known, 'lost', 'the worker dialled again'); // (2)
      known.close();
    }
    const answer = this.fleet.join({ id: workerId, name, numericClass, device }, now());
    if (!answer.accepted) {
      return this.refuse(connection, name, answer.reason);
    }
    this.peers.add(workerId, connection, name, numericClass);
    this.stays.begin(workerId, name, device);
    logger.info(
      { worker: name, device, numericClass, threads: hello.threads, peer: connection.peer },
      'worker joined',
    );
    const { threads, version } = hello;
    this.options.onNote({ kind: 'worker-joined', name, device, numericClass, threads, version });
    connection.send(welcome(this.options, this.shapePlans.of(numericClass) ?? null));
  }

  private refuse(connection: WorkerConnection, worker: string, reason: string): void {
    this.refusals++;
    this.options.logger.warn({ worker, peer: connection.peer, reason }, 'worker refused');
    connection.refuse(reason);
  }

  private receive(connection: WorkerConnection, message: WorkerMessage): void {
    const workerId = this.peers.idOf(connection);
    if (workerId === undefined) return; // of a connection already given up
    const { logger, model } = this.options;
    const worker = this.peers.nameOf(workerId);
    switch (message.kind) {
      case 'ready':
        if (message.modelFingerprint !== model.fingerprint) {
          const reason = `the model loaded has fingerprint ${message.modelFingerprint}, not ${model.fingerprint}`;
          return this.refuse(connection, worker, reason);
        }
        this.offerPlan(workerId, message.shapePlan);
        this.peers.measured(workerId, message.peakFlopsPerSecond);
        return this.admit(connection, workerId);
      case 'heartbeat':
        return this.log(this.fleet.heartbeat(workerId, now(), message.taskId));
      case 'cells': {
        const { accepted, corrected, inFp32, events } = this.fleet.cells(
          workerId,
          message.taskId,
          message.cells,
          now(),
        );
        const source = { workerName: worker, numericClass: this.peers.classOf(workerId), inFp32 };
        if (accepted.length > 0) this.stays.delivered(workerId);
        if (accepted.length > 0) this.options.onCells(accepted, source);
        if (corrected.length > 0) this.options.onCorrected(corrected, source);
        this.supply?.cellsCame();
        return this.log(events);
      }
      case 'taskDone':
        return this.log(this.fleet.done(workerId, message.taskId, now()));
      case 'taskFailed':
        if (!message.retryable) throw new RunError(message.reason);
        if (message.shrunkPlan) {
          const shrunk = {
            worker,
            numericClass: this.peers.classOf(workerId),
            shapePlan: message.shrunkPlan,
          };
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
        if (!remote && this.peers.count === 0) throw new RunError(`no worker can work: ${message.reason}`);
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
    const ready = (): void => this.log(this.fleet.ready(workerId, now(), this.peers.peakOf(workerId)));
    if (waitMs === 0) return ready();
    const waits = { worker: this.peers.nameOf(workerId), seconds: Math.ceil(waitMs / 1000) };
    this.options.logger.warn(waits, 'worker gets no task yet: lost again and again without delivering');
    setTimeout(() => {
      this.guard(() => {
        if (this.peers.connectionOf(workerId) === connection) ready();
      });
    }, waitMs);
  }

  private offerPlan(workerId: string, shapePlan: ShapePlan): void {
    const numericClass = this.peers.classOf(workerId);
    if (!this.shapePlans.offer(numericClass, shapePlan)) return;
    const worker = this.peers.nameOf(workerId);
    this.options.logger.info({ worker, numericClass, shapePlan }, 'shape plan fixed');
    this.options.onNote({ kind: 'shape-plan', numericClass, shapePlan, worker });
  }

  /** A worker given up for its silence is cut off, so that it dials again if it lives. */
  private expire(): void {
    const events = this.fleet.expire(now());
    this.log(events);
    for (const event of events) {
      const connection = event.kind === 'worker-left' ? this.peers.connectionOf(event.workerId) : undefined;
      if (connection === undefined) continue;
      this.forget(connection, 'lost');
      connection.close();
    }
    if (this.fleet.isStarving) this.evaluation?.onWaiting();
    const { undecided } = this.fleet;
    if (undecided !== undefined) this.options.onUndecided(undecided);
  }

  /** A worker whose numbers two others contradict is sent away for good. */
  private dismiss(workerId: string, reason: string): void {
    const connection = this.peers.connectionOf(workerId);
    if (connection === undefined) return;
    this.forget(connection, 'lost');
    connection.refuse(reason);
  }

  private leave(connection: WorkerConnection, how: 'lost' | 'drained', reason: string): void {
    const workerId = this.forget(connection, how);
    if (workerId !== undefined) this.log(this.fleet.leave(workerId, how, reason));
  }

  private forget(connection: WorkerConnection, how: 'lost' | 'drained'): string | undefined {
    const workerId = this.peers.remove(connection);
    if (workerId !== undefined) this.stays.end(workerId, how === 'lost', now());
    return workerId;
  }

  /** Runs one step of the state machine, then sends out what is to be done now. */
  private guard(step: () => void): void {
    if (this.closed) return;
    try {
      step();
      this.log(this.supply?.refill(now()) ?? []);
      this.assign();
      if (this.evaluation && this.fleet.idle()) this.evaluation.resolve();
    } catch (error) {
      if (error instanceof FleetError) this.log(error.events);
      this.fail(error as Error);
    }
    this.evaluation?.onProgress();
  }

  private assign(): void {
    const { assignments, cancellations, events } = this.fleet.assignments(now());
    this.log(events);
    for (const { workerId, taskId } of cancellations)
      this.peers.connectionOf(workerId)?.send({ kind: 'cancel', taskId });
    for (const { workerId, task } of assignments) {
      const plan = this.shapePlans.of(this.peers.classOf(workerId));
      if (plan === undefined)
        throw new Error(`worker ${this.peers.nameOf(workerId)} is ready without a shape plan`);
      const given = { worker: this.peers.nameOf(workerId), task: task.id };
      this.options.logger.debug(
        { ...given, candidates: task.candidates.length, rows: task.rows.length },
        'task given',
      );
      this.stays.tookTask(workerId);
      this.peers.connectionOf(workerId)?.send(assignment(task, plan, this.options.rows));
    }
  }

  private log(events: readonly FleetEvent[]): void {
    for (const event of events) {
      logFleetEvent(this.options.logger, event, (workerId) => this.peers.nameOf(workerId));
      if (event.kind !== 'worker-convicted' && event.kind !== 'cells-differ') continue;
      this.options.onNote({ ...event, cell: cellKey(event.cell) });
      if (event.kind === 'worker-convicted') this.dismiss(event.workerId, event.reason);
    }
  }
}

function now(): number {
  return clock.now();
}
