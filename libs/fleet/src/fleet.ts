import { cellFlops, type BlockIndex, type Mask } from '@blockpruner/blocks';
import { cellKey, type Cell, type CellId } from '@blockpruner/perplexity';
import { Books, type Cancellation } from './books.ts';
import { missingWork } from './cut.ts';
import { deliver, type Delivery } from './deliver.ts';
import type { FleetEvent, Leaving } from './fleet-event.ts';
import type { FleetOptions } from './fleet-options.ts';
import { stateOf, type FleetState } from './fleet-state.ts';
import { lotsOf } from './lot.ts';
import { owedCount, type OpenTask } from './open-task.ts';
import type { FleetCounters } from './progress.ts';
import type { WorkerInfo, WorkerStatus } from './registry.ts';
import { catchUp, runAhead } from './run-ahead.ts';
import { conclude, dropWorker, giveUp, reissue } from './take-back.ts';
import { withdraw } from './withdraw.ts';
import { cellCount, cellsOf, checkWork, workCellFlops, workFlops, type Task, type Work } from './task.ts';

/** A task given to a worker: a lease begins. */
export interface Assignment {
  readonly workerId: string;
  readonly task: Task;
}

/**
 * Who computes what: workers come, get tasks, deliver cells and go, in any order. It keeps no clock: each
 * call is told the time, in milliseconds of any one clock that never goes back.
 *
 * Invariants:
 * 1. Each cell that is owed waits, or is in one task, or in two that are twins; each task is either waiting or leased
 *    to one worker.
 * 2. A cell is accepted once, and only from a worker that its task is leased to; then it is owed no more. What comes
 *    again is compared.
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
  private readonly books: Books;

  constructor(options: FleetOptions) {
    this.books = new Books(options);
    this.counters = this.books.counters;
  }

  /** The run's numeric class, once a worker or a resumed run has fixed it: the first one where classes are mixed. */
  get numericClass(): string | undefined {
    return this.books.registry.numericClass;
  }

  /** Workers that may get tasks. */
  get readyCount(): number {
    return this.books.registry.ready().length;
  }

  /** The fleet at this moment. */
  get state(): FleetState {
    return stateOf(this.books);
  }

  /** A worker of another numeric class, with an id in use, or convicted before, is refused with the reason. */
  join(
    worker: WorkerInfo,
    nowMs: number,
  ): ({ accepted: true } | { accepted: false; reason: string }) & { events: FleetEvent[] } {
    const reason = this.books.registry.join(worker, nowMs);
    if (reason !== null) {
      return { accepted: false, reason, events: [{ kind: 'worker-refused', workerId: worker.id, reason }] };
    }
    const { id: workerId, numericClass } = worker;
    return { accepted: true, events: [{ kind: 'worker-joined', workerId, numericClass }] };
  }

  /** The worker's model is loaded. @param peakFlopsPerSecond of its device; 0 where it has measured none */
  ready(workerId: string, nowMs: number, peakFlopsPerSecond = 0): FleetEvent[] {
    const member = this.books.hear(workerId, nowMs);
    if (!member) return [this.books.fault(workerId, null, 'ready from a worker that has not joined')];
    if (member.isReady || member.isDraining) return [];
    this.books.registry.loaded(member);
    this.books.dispatch.speeds.joined(workerId, peakFlopsPerSecond);
    this.books.refresh(workerId);
    this.books.check(this.books.checks.disputes);
    return [{ kind: 'worker-ready', workerId }];
  }

  /** @param taskId a task that got on without yielding a cell: its lease begins anew */
  heartbeat(workerId: string, nowMs: number, taskId: string | null = null): FleetEvent[] {
    if (!this.books.hear(workerId, nowMs))
      return [this.books.fault(workerId, null, 'heartbeat of a worker that has not joined')];
    const { leases } = this.books;
    if (taskId !== null && leases.find(workerId, taskId)) leases.renew(workerId, nowMs);
    return [];
  }

  /**
   * A worker goes: its undelivered cells are queued again.
   * @throws FleetError when the loss is the third that one cell has caused
   */
  leave(workerId: string, how: Leaving, reason: string): FleetEvent[] {
    if (!this.books.registry.get(workerId))
      return [this.books.fault(workerId, null, 'leave of a worker that has not joined')];
    return conclude(dropWorker(this.books, workerId, how, reason));
  }

  /**
   * A worker is about to leave: it gets no more tasks, and others get all that it holds or would get but one task.
   * @param taskId the task that it finishes first
   */
  drain(workerId: string, taskId: string, reason: string, nowMs: number): FleetEvent[] {
    const { registry, dispatch, leases } = this.books;
    const member = this.books.hear(workerId, nowMs);
    if (!member) return [this.books.fault(workerId, taskId, 'drain of a worker that has not joined')];
    registry.drain(member);
    this.books.refresh(workerId);
    dispatch.stop(workerId);
    const others = leases.held(workerId).filter(({ task }) => task.id !== taskId);
    const events: FleetEvent[] = [{ kind: 'worker-draining', workerId, taskId, reason }];
    for (const open of others.toReversed()) {
      leases.release(workerId, open, nowMs);
      events.push(...reissue(this.books, open, null, reason));
    }
    return events;
  }

  /**
   * Queues the cells that are missing and not yet asked for, divided among the workers that are ready now.
   * @throws RangeError when the sweep or a row is not of this model and calibration set
   */
  submit(work: Work, isMissing: (id: CellId) => boolean, nowMs: number): FleetEvent[] {
    const { options, registry, dispatch, owed, checks } = this.books;
    checkWork(this.books.options, work);
    const isMore = checks.isPresent(work.base); // what runs ahead of this mask still does
    if (this.idle()) {
      this.books.work.reset();
      if (!isMore) checks.begin(work.base);
      dispatch.places.reset();
    }
    const isWanted = (id: CellId): boolean => isMissing(id) && !owed.has(cellKey(id));
    for (const sweep of missingWork(work, isWanted)) {
      this.books.work.submitted({
        cells: cellCount(sweep),
        flops: workFlops(options, sweep),
        cellFlops: workCellFlops(options, sweep),
      });
    }
    const cells = lotsOf(work, isWanted).flatMap((lot) => cellsOf({ ...lot, rows: [lot.row] }));
    const begun = work.inFp32 || isMore ? new Map<string, CellId>() : catchUp(this.books, work.base, nowMs);
    const lots = lotsOf(work, (id) => isWanted(id) && !begun.has(cellKey(id)));
    for (const id of cells) owed.add(cellKey(id));
    this.adopt(begun);
    if (cells.length === 0) return [];
    const ready = registry.ready();
    dispatch.spread(lots, ready, nowMs);
    return [{ kind: 'work-shared', workerCount: ready.length, cellCount: cells.length }];
  }

  /** Cells that were submitted and are wanted no more: no worker gets them any more, and nobody waits for them. */
  withdraw(isWanted: (id: CellId) => boolean, nowMs: number): void {
    withdraw(this.books, isWanted, nowMs);
  }

  /**
   * Has workers that would wait begin with what will be wanted if the search decides as is expected. A later call with
   * another mask, or work that is submitted for another, drops it.
   * @throws RangeError as `submit` does
   */
  runAhead(work: Work, isMissing: (id: CellId) => boolean, nowMs: number): void {
    checkWork(this.books.options, work);
    runAhead(this.books, work, isMissing, nowMs);
  }

  /** Whether a worker has nothing to do. */
  get isStarving(): boolean {
    const { hungry, leases } = this.books;
    for (const workerId of hungry) if (leases.held(workerId).length === 0) return true;
    return false;
  }

  /**
   * Has a candidate's cells of the present work computed by two workers on some rows, where there is another worker for
   * it. They are rows that have its cell already; more of them once there are more.
   */
  confirm(mask: Mask, candidate: BlockIndex | null, nowMs: number): void {
    const { checks, registry, options } = this.books;
    if (!checks.isPresent(mask)) {
      checks.begin(mask); // all of its cells had come ahead, so that none was asked for
      catchUp(this.books, mask, nowMs);
    }
    checks.wantRows({ mask, candidate }, this.books.rowOrder, options.confirmedRows ?? 0, registry.ready());
  }

  /** A cell whose value is in doubt, where no other worker is there to decide. */
  get undecided(): CellId | undefined {
    const { checks, registry } = this.books;
    const ready = registry.ready();
    return checks.doubts.find((id) => !checks.canBeChecked(id, ready));
  }

  /** Gives waiting cells to ready workers: to each one task before any gets a second. */
  assignments(nowMs: number): {
    assignments: Assignment[];
    cancellations: Cancellation[];
    events: FleetEvent[];
  } {
    const { registry, leases, dispatch, options, hungry } = this.books;
    const assignments: Assignment[] = [];
    const events: FleetEvent[] = [];
    const ready = registry.ready();
    for (let held = 0; held < options.maxTasksPerWorker; held++) {
      for (const workerId of [...hungry]) {
        if (leases.held(workerId).length !== held) continue;
        const next = dispatch.next(registry.get(workerId)!.info, ready, nowMs);
        if (next === null) continue;
        if (next.recalled) this.books.cancel(next.recalled.workerId, next.recalled.open, nowMs);
        this.grant(workerId, next.open, nowMs);
        assignments.push({ workerId, task: next.open.task });
        this.books.tell(next.events);
        events.push(...next.events);
      }
    }
    return { assignments, cancellations: this.books.takeCancellations(), events };
  }

  /**
   * A micro-batch of cells. Those that are not the leased task's are ignored, and reported as one fault.
   * @throws FleetError where cells contradict each other and nobody can say which are right
   */
  cells(workerId: string, taskId: string, cells: readonly Cell[], nowMs: number): Delivery {
    const { leases } = this.books;
    const member = this.books.hear(workerId, nowMs);
    const held = leases.find(workerId, taskId);
    const open = held ?? leases.findEnded(workerId, taskId);
    if (!member || !open) {
      const fault = this.books.fault(
        workerId,
        taskId,
        `${cells.length} cells of a task that it does not hold`,
      );
      return { inFp32: false, accepted: [], corrected: [], events: [fault] };
    }
    const delivery = deliver(this.books, member, open, held !== undefined, cells);
    if (held && (delivery.accepted.length > 0 || open.isCheck || open.isCopied))
      leases.renew(workerId, nowMs);
    const { twin } = open;
    if (twin?.remaining.size === 0) {
      const holder = leases.holderOf(twin);
      if (holder !== undefined) this.books.cancel(holder, twin, nowMs);
      open.twin = null;
    }
    return delivery;
  }

  /**
   * The worker has finished the task. One that still owes cells counts as failed.
   * @throws FleetError as `failed` does
   */
  done(workerId: string, taskId: string, nowMs: number): FleetEvent[] {
    const { leases, dispatch, counters } = this.books;
    const member = this.books.hear(workerId, nowMs);
    const open = member && leases.find(workerId, taskId);
    if (!open) return this.unheld(workerId, taskId, 'done with a task that it does not hold');
    if (open.remaining.size > 0) {
      const reason = `done, but ${owedCount(open)} cells were not delivered`;
      const fault = this.books.fault(workerId, taskId, reason);
      return conclude([fault, ...giveUp(this.books, workerId, open, reason, nowMs, true)]);
    }
    dispatch.speeds.took(workerId, open.flops, nowMs - leases.startedMs(workerId));
    leases.release(workerId, open, nowMs);
    counters.tasksDone++;
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
    const { options, registry, leases } = this.books;
    const { leaseMs, heartbeatTimeoutMs } = options;
    const events: FleetEvent[] = [];
    for (const { info, heardMs } of registry.members()) {
      const workerId = info.id;
      if (nowMs - heardMs >= heartbeatTimeoutMs) {
        events.push(...dropWorker(this.books, workerId, 'lost', `no heartbeat for ${nowMs - heardMs} ms`));
      } else if (leases.isOverdue(workerId, nowMs)) {
        const overdue = leases.running(workerId) ?? leases.held(workerId)[0];
        this.books.counters.leasesExpired++;
        const reason = `no cell within the lease of ${leaseMs} ms`;
        events.push({ kind: 'lease-expired', workerId, taskId: overdue.task.id, reason });
        events.push(...dropWorker(this.books, workerId, 'lost', reason, true));
      }
    }
    return conclude(events);
  }

  /** Whether every cell asked for has been accepted, every one that is to be checked was, and none is in dispute. */
  idle(): boolean {
    const { owed, checks } = this.books;
    return owed.size === 0 && checks.pendingCount === 0 && checks.disputes.length === 0;
  }

  /**
   * The present work: all that was submitted since the fleet was last idle. FLOPs are those of whole sweeps, however
   * they were cut.
   */
  progress(): { doneCells: number; totalCells: number; doneFlops: number; totalFlops: number } {
    const { doneCells, totalCells, doneFlops, totalFlops } = this.books.work;
    return { doneCells, totalCells, doneFlops, totalFlops };
  }

  /** FLOPs of cells that ran ahead of the work that wanted them, without the walks to them; in no `progress`. */
  get aheadFlops(): number {
    return this.books.aheadFlops;
  }

  /** Rate of the present work since its first lease, each cell counted as its row's tokens. */
  tokensPerSecond(nowMs: number): number {
    return this.books.work.tokensPerSecond(nowMs);
  }

  /** In the order they joined. */
  workers(): WorkerStatus[] {
    return this.books.registry.members().map(({ info, isReady, joinedMs, cellCount: cells }) => ({
      ...info,
      isReady,
      joinedMs,
      taskIds: this.books.leases.held(info.id).map(({ task }) => task.id),
      cellCount: cells,
    }));
  }

  /** Cells that ran ahead and are queued or in hands are owed now, those too that nobody has asked for yet. */
  private adopt(begun: ReadonlyMap<string, CellId>): void {
    const { options, owed, work } = this.books;
    for (const [key, { mask, candidate, row }] of begun) {
      if (owed.has(key)) continue;
      owed.add(key);
      const sweep = { base: mask, candidates: candidate === null ? [] : [candidate], baseline: false };
      const flops = cellFlops(options.shape, sweep, candidate, options.rowTokens[row]);
      work.submitted({ cells: 1, flops, cellFlops: flops });
    }
  }

  private grant(workerId: string, open: OpenTask, nowMs: number): void {
    const { costs, dispatch, leases, work, counters } = this.books;
    const { task } = open;
    for (const row of task.rows)
      open.flops += costs.row(task, row, dispatch.walks.startOf(workerId, task, row));
    dispatch.walks.given(workerId, task);
    leases.grant(workerId, open, nowMs);
    work.leased(nowMs);
    counters.leases++;
  }

  private takeBack(
    workerId: string,
    taskId: string,
    reason: string,
    nowMs: number,
    isBlamed: boolean,
  ): FleetEvent[] {
    const open = this.books.hear(workerId, nowMs) && this.books.leases.find(workerId, taskId);
    if (!open) return this.unheld(workerId, taskId, `failure of a task that it does not hold: ${reason}`);
    return conclude(giveUp(this.books, workerId, open, reason, nowMs, isBlamed));
  }

  /** A word about a task that the worker does not hold: of one that was cancelled it may have been on its way. */
  private unheld(workerId: string, taskId: string, reason: string): FleetEvent[] {
    return this.books.leases.findEnded(workerId, taskId) ? [] : [this.books.fault(workerId, taskId, reason)];
  }
}
