import { cellFlops, checkSweep } from '@blockpruner/blocks';
import { cellKey, type Cell, type CellId } from '@blockpruner/perplexity';
import { cutWork, missingWork } from './cut.ts';
import type { Assignment, Delivery } from './exchange.ts';
import { FleetError } from './fleet-error.ts';
import type { FleetEvent, Leaving } from './fleet-event.ts';
import type { FleetOptions } from './fleet-options.ts';
import { Leases } from './leases.ts';
import { cellFault, owedCount, owes, settle, type LostWorker, type OpenTask } from './open-task.ts';
import { Progress, type FleetCounters } from './progress.ts';
import { Registry, type Member, type WorkerInfo, type WorkerStatus } from './registry.ts';
import { planRetry } from './retry.ts';
import { StateHolders } from './state-holders.ts';
import { TaskQueue } from './task-queue.ts';
import { cellCount, cellsOf, workCellFlops, workFlops, type Sizes, type Work } from './task.ts';

/**
 * Who computes what: workers come, get tasks, deliver cells and go, in any order. It keeps no clock: each
 * call is told the time, in milliseconds of any one clock that never goes back.
 *
 * Invariants:
 * 1. Each cell that is owed is in exactly one task, and each task is either queued or leased to one worker.
 * 2. A cell is accepted once, and only from the worker that its task is leased to; then it is owed no more.
 * 3. A lost worker counts against the task that it was running, not against those waiting behind it, and once,
 *    unless its lease ran out: a worker that dials again did not die of it. A drained worker counts against none.
 * 4. A task that lost two workers is halved at each further loss, so a cell that takes workers down ends up
 *    alone in its task; alone, it fails the run with the third worker or any later one.
 *
 * Calls about workers or leases that are not there change nothing and report a protocol fault: messages of
 * a dropped worker may still be on their way.
 */
export class Fleet {
  readonly counters: Readonly<FleetCounters>;
  private readonly count: FleetCounters;
  private readonly options: FleetOptions;
  private readonly sizes: Sizes;
  private readonly registry: Registry;
  private readonly queue: TaskQueue;
  private readonly leases: Leases;
  private readonly work = new Progress();
  /** Keys of the cells that are owed (1). */
  private readonly owed = new Set<string>();
  private readonly holders = new StateHolders();
  /** Ready workers that the queue was cut for. */
  private cutFor = 1;

  constructor(options: FleetOptions) {
    this.options = options;
    this.sizes = options;
    this.registry = new Registry(options.mixedClasses ?? false, options.numericClass);
    this.queue = new TaskQueue(options);
    this.leases = new Leases(options.leaseMs);
    this.count = {
      leases: 0,
      tasksDone: 0,
      retries: 0,
      workersLost: 0,
      duplicateCells: 0,
      protocolFaults: 0,
    };
    this.counters = this.count;
  }

  /** The run's numeric class, once a worker or a resumed run has fixed it: the first one where classes are mixed. */
  get numericClass(): string | undefined {
    return this.registry.numericClass;
  }

  /** A worker of another numeric class, or with an id in use, is refused with the reason. */
  join(
    worker: WorkerInfo,
    nowMs: number,
  ): ({ accepted: true } | { accepted: false; reason: string }) & { events: FleetEvent[] } {
    const reason = this.registry.join(worker, nowMs);
    if (reason !== null) {
      return { accepted: false, reason, events: [{ kind: 'worker-refused', workerId: worker.id, reason }] };
    }
    const { id: workerId, numericClass } = worker;
    return { accepted: true, events: [{ kind: 'worker-joined', workerId, numericClass }] };
  }

  /** The worker's model is loaded. More workers than the queued tasks were cut for get smaller tasks. */
  ready(workerId: string, nowMs: number): FleetEvent[] {
    const member = this.hear(workerId, nowMs);
    if (!member) return [this.fault(workerId, null, 'ready from a worker that has not joined')];
    if (member.isReady || member.isDraining) return [];
    member.isReady = true;
    const workers = this.registry.ready().length;
    const events: FleetEvent[] = [{ kind: 'worker-ready', workerId }];
    if (workers > this.cutFor) {
      this.cutFor = workers;
      const limit = this.work.totalFlops / (4 * workers);
      events.push(
        ...this.queue.splitCostly(limit, `more than a quarter of the share of one of ${workers} workers`),
      );
    }
    return events;
  }

  /** @param taskId a task that got on without yielding a cell: its lease begins anew */
  heartbeat(workerId: string, nowMs: number, taskId: string | null = null): FleetEvent[] {
    if (!this.hear(workerId, nowMs))
      return [this.fault(workerId, null, 'heartbeat of a worker that has not joined')];
    if (taskId !== null && this.leases.find(workerId, taskId)) this.leases.renew(workerId, nowMs);
    return [];
  }

  /**
   * A worker goes: its undelivered cells are queued again.
   * @throws FleetError when the loss is the third that one cell has caused
   */
  leave(workerId: string, how: Leaving, reason: string): FleetEvent[] {
    if (!this.registry.get(workerId))
      return [this.fault(workerId, null, 'leave of a worker that has not joined')];
    return this.conclude(this.drop(workerId, how, reason));
  }

  /**
   * A worker is about to leave: it gets no more tasks, and all that it holds but one are queued again.
   * @param taskId the task that it finishes first
   */
  drain(workerId: string, taskId: string, reason: string, nowMs: number): FleetEvent[] {
    const member = this.hear(workerId, nowMs);
    if (!member) return [this.fault(workerId, taskId, 'drain of a worker that has not joined')];
    Object.assign(member, { isReady: false, isDraining: true });
    const others = this.leases.held(workerId).filter(({ task }) => task.id !== taskId);
    const events: FleetEvent[] = [{ kind: 'worker-draining', workerId, taskId, reason }];
    for (const open of others.toReversed()) {
      this.leases.release(workerId, open, nowMs);
      events.push(...this.reissue(open, null, reason));
    }
    return events;
  }

  /**
   * Queues the cells that are missing and not yet asked for, cut for the workers that are ready now.
   * @throws RangeError when the sweep or a row is not of this model and calibration set
   */
  submit(work: Work, isMissing: (id: CellId) => boolean): FleetEvent[] {
    const { shape, rowTokens } = this.options;
    checkSweep(work, 2 * shape.layerCount);
    work.rows.forEach((row, i) => {
      if (!Number.isInteger(row) || row < 0 || row >= rowTokens.length || row <= (work.rows[i - 1] ?? -1)) {
        throw new RangeError(`rows must ascend from 0 to ${rowTokens.length - 1}: got ${row} at place ${i}`);
      }
    });
    if (this.idle()) this.work.reset();
    this.cutFor = Math.max(1, this.registry.ready().length);
    const isWanted = (id: CellId): boolean => isMissing(id) && !this.owed.has(cellKey(id));
    const whole = missingWork(this.sizes, work, isWanted);
    const parts = cutWork(this.sizes, work, this.cutFor, isWanted);
    this.queue.add(
      parts.map((part) => this.queue.open(part)),
      'last',
    );
    let cells = 0;
    for (const sweep of whole) {
      for (const id of cellsOf(sweep)) this.owed.add(cellKey(id));
      this.work.submitted({
        cells: cellCount(sweep),
        flops: workFlops(this.sizes, sweep),
        cellFlops: workCellFlops(this.sizes, sweep),
      });
      cells += cellCount(sweep);
    }
    return [{ kind: 'work-cut', taskCount: parts.length, cellCount: cells }];
  }

  /**
   * Gives queued tasks to ready workers. Each gets one before any gets a second, and the last tasks wait
   * for whoever is free first; queued tasks are halved where workers would go empty-handed.
   */
  assignments(nowMs: number): { assignments: Assignment[]; events: FleetEvent[] } {
    const ready = this.registry.ready();
    const idle = ready.filter(({ info }) => this.leases.held(info.id).length === 0).length;
    const events = this.queue.splitUpTo(idle, `${idle} idle workers for ${this.queue.length} queued tasks`);
    const assignments: Assignment[] = [];
    for (let held = 0; held < this.options.maxTasksPerWorker; held++) {
      for (const { info } of ready) {
        if (this.leases.held(info.id).length !== held) continue;
        if (held > 0 && this.queue.length <= ready.length) break;
        const open = this.choose(info.id, ready);
        if (!open) continue;
        this.leases.grant(info.id, open, nowMs);
        this.holders.given(info.id, open.task);
        this.work.leased(nowMs);
        this.count.leases++;
        assignments.push({ workerId: info.id, task: open.task });
      }
    }
    return { assignments, events };
  }

  /** A micro-batch of cells. Cells that are not the leased task's are ignored, and reported as one fault. */
  cells(workerId: string, taskId: string, cells: readonly Cell[], nowMs: number): Delivery {
    const accepted: Cell[] = [];
    const duplicates: Cell[] = [];
    const member = this.hear(workerId, nowMs);
    const open = this.leases.find(workerId, taskId);
    const delivered = { inFp32: open?.task.inFp32 ?? false, accepted, duplicates };
    if (!member || !open) {
      const reason = `${cells.length} cells of a task that it does not hold`;
      return { ...delivered, events: [this.fault(workerId, taskId, reason)] };
    }
    const faults: string[] = [];
    for (const cell of cells) {
      const fault = cellFault(this.sizes, open, cell);
      if (fault !== null) faults.push(fault);
      else if (!owes(open, cell)) duplicates.push(cell);
      else {
        settle(open, cell); // (2)
        this.owed.delete(cellKey(cell));
        const tokens = this.options.rowTokens[cell.row];
        this.work.delivered(tokens, cellFlops(this.options.shape, open.task, cell.candidate, tokens));
        this.holders.computed(workerId, cell);
        accepted.push(cell);
      }
    }
    if (accepted.length > 0) this.leases.renew(workerId, nowMs);
    member.cellCount += accepted.length;
    this.count.duplicateCells += duplicates.length;
    const events =
      faults.length > 0
        ? [this.fault(workerId, taskId, `${faults.length} cells ignored, first ${faults[0]}`)]
        : [];
    return { ...delivered, events };
  }

  /**
   * The worker has finished the task. One that still owes cells counts as failed.
   * @throws FleetError as `failed` does
   */
  done(workerId: string, taskId: string, nowMs: number): FleetEvent[] {
    const open = this.hear(workerId, nowMs) && this.leases.find(workerId, taskId);
    if (!open) return [this.fault(workerId, taskId, 'done with a task that it does not hold')];
    if (open.remaining.size > 0) {
      const reason = `done, but ${owedCount(open)} cells were not delivered`;
      const fault = this.fault(workerId, taskId, reason);
      return this.conclude([fault, ...this.giveUp(workerId, open, reason, nowMs)]);
    }
    this.leases.release(workerId, open, nowMs);
    this.count.tasksDone++;
    return [{ kind: 'task-done', workerId, taskId }];
  }

  /**
   * The worker could not finish the task, but another try may: it is queued again, for another worker where
   * there is one, and counts as if the worker had been lost.
   * @throws FleetError when it is the third time that one cell is failed
   */
  failed(workerId: string, taskId: string, reason: string, nowMs: number): FleetEvent[] {
    return this.takeBack(workerId, taskId, reason, nowMs, true);
  }

  /** The worker could not do the task as it was, and will do it otherwise: it is queued again, and counts for nothing. */
  handedBack(workerId: string, taskId: string, reason: string, nowMs: number): FleetEvent[] {
    return this.takeBack(workerId, taskId, reason, nowMs, false);
  }

  /**
   * Drops workers that went silent, and those that hold tasks and deliver nothing.
   * @throws FleetError as `leave` does, after all that ran out is queued again
   */
  expire(nowMs: number): FleetEvent[] {
    const { leaseMs, heartbeatTimeoutMs } = this.options;
    const events: FleetEvent[] = [];
    for (const { info, heardMs } of this.registry.members()) {
      const workerId = info.id;
      if (nowMs - heardMs >= heartbeatTimeoutMs) {
        events.push(...this.drop(workerId, 'lost', `no heartbeat for ${nowMs - heardMs} ms`));
      } else if (this.leases.isOverdue(workerId, nowMs)) {
        const overdue = this.leases.running(workerId) ?? this.leases.held(workerId)[0];
        const reason = `no cell within the lease of ${leaseMs} ms`;
        events.push({ kind: 'lease-expired', workerId, taskId: overdue.task.id, reason });
        events.push(...this.drop(workerId, 'lost', reason, true));
      }
    }
    return this.conclude(events);
  }

  /** Whether every cell asked for has been accepted. */
  idle(): boolean {
    return this.owed.size === 0;
  }

  /**
   * The present work: all that was submitted since the fleet was last idle. FLOPs are those of whole sweeps, however
   * they were cut.
   */
  progress(): { doneCells: number; totalCells: number; doneFlops: number; totalFlops: number } {
    const { doneCells, totalCells, doneFlops, totalFlops } = this.work;
    return { doneCells, totalCells, doneFlops, totalFlops };
  }

  /** Rate of the present work since its first lease, each cell counted as its row's tokens. */
  tokensPerSecond(nowMs: number): number {
    return this.work.tokensPerSecond(nowMs);
  }

  /** In the order they joined. */
  workers(): WorkerStatus[] {
    return this.registry.members().map(({ info, isReady, joinedMs, cellCount: cells }) => ({
      ...info,
      isReady,
      joinedMs,
      taskIds: this.leases.held(info.id).map(({ task }) => task.id),
      cellCount: cells,
    }));
  }

  private hear(workerId: string, nowMs: number): Member | undefined {
    const member = this.registry.get(workerId);
    if (member) member.heardMs = nowMs;
    return member;
  }

  /** Not a task that the worker failed while another has not tried; of the rest, the one it holds most states of. */
  private choose(workerId: string, ready: readonly Member[]): OpenTask | undefined {
    const tried = (open: OpenTask, id: string) => open.lost.some((lost) => lost.id === id);
    const offered = this.queue
      .list()
      .filter((open) => !tried(open, workerId) || ready.every(({ info }) => tried(open, info.id)))
      .map(({ task }) => task);
    if (offered.length === 0) return undefined;
    const others = new Set(ready.map(({ info }) => info.id).filter((id) => id !== workerId));
    return this.queue.take(this.holders.choose(offered, workerId, others));
  }

  private drop(workerId: string, how: Leaving, reason: string, isStuck = false): FleetEvent[] {
    const worker = this.registry.get(workerId)!.info;
    const running = this.leases.running(workerId);
    this.registry.remove(workerId);
    this.holders.left(workerId);
    if (how === 'lost') this.count.workersLost++;
    const events: FleetEvent[] = [{ kind: 'worker-left', workerId, how, reason }];
    for (const open of this.leases.takeAll(workerId).toReversed()) {
      const isNew = isStuck || !open.lost.some(({ id }) => id === workerId);
      const isBlamed = how === 'lost' && open === running && isNew; // (3)
      events.push(...this.reissue(open, isBlamed ? worker : null, reason));
    }
    return events;
  }

  private takeBack(
    workerId: string,
    taskId: string,
    reason: string,
    nowMs: number,
    isBlamed: boolean,
  ): FleetEvent[] {
    const open = this.hear(workerId, nowMs) && this.leases.find(workerId, taskId);
    if (!open) return [this.fault(workerId, taskId, `failure of a task that it does not hold: ${reason}`)];
    return this.conclude(this.giveUp(workerId, open, reason, nowMs, isBlamed));
  }

  private giveUp(
    workerId: string,
    open: OpenTask,
    reason: string,
    nowMs: number,
    isBlamed = true,
  ): FleetEvent[] {
    this.leases.release(workerId, open, nowMs);
    const worker = this.registry.get(workerId)!.info;
    return [
      { kind: 'task-failed', workerId, taskId: open.task.id, reason },
      ...this.reissue(open, isBlamed ? worker : null, reason),
    ];
  }

  /** Queues what a task still owes (1, 4). */
  private reissue(open: OpenTask, blamed: LostWorker | null, reason: string): FleetEvent[] {
    const { parts, lost, condemned } = planRetry(this.sizes, open, blamed, reason);
    if (parts.length === 0) return [];
    this.count.retries++;
    const tasks = parts.map((work) => this.queue.open(work, lost));
    this.queue.add(tasks, 'first');
    const into = tasks.map(({ task }) => task.id);
    const reissued: FleetEvent = {
      kind: 'task-reissued',
      taskId: open.task.id,
      into,
      lostWorkers: lost.length,
    };
    return condemned ? [reissued, condemned] : [reissued];
  }

  private fault(workerId: string, taskId: string | null, reason: string): FleetEvent {
    this.count.protocolFaults++;
    return { kind: 'protocol-fault', workerId, taskId, reason };
  }

  private conclude(events: FleetEvent[]): FleetEvent[] {
    const condemned = events.find((event) => event.kind === 'cell-condemned');
    if (condemned) throw new FleetError(condemned, events);
    return events;
  }
}
