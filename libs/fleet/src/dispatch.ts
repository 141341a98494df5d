import type { Mask } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import type { Checks, Computer } from './checks.ts';
import type { Costs } from './costs.ts';
import type { FleetEvent } from './fleet-event.ts';
import { BaselineWalks } from './baseline-walks.ts';
import type { Leases } from './leases.ts';
import { isAlike, lotsOfWork, lotSize, workOf, type Lot } from './lot.ts';
import { openTask, owedWork, pair, settle, type LostWorker, type OpenTask } from './open-task.ts';
import { Outlook } from './outlook.ts';
import { Places } from './places.ts';
import { LOSSES_TO_HALVE, planRetry } from './retry.ts';
import { Shares, type Sharer } from './shares.ts';
import { Speeds } from './speeds.ts';
import { divide } from './steal.ts';
import { cellsOf, sameBlocks } from './task.ts';

/** A task is at most this part of what its worker still has to do: tasks shrink towards the end. */
const TASKS_AHEAD = 4;
/** Tasks are no shorter where single cells allow it: messages would cost more than balance is worth. */
const LEAST_TASK_MS = 100;
/** A worker for which there was nothing is looked at again after so long. */
const REST_MS = 20;
/** The first task of a worker by what its device promises: until it is done, nobody knows. */
const FIRST_TASK_MS = 1000;
/** A copy is made where it is expected to bring the end so much nearer. */
const HEDGE_GAIN = 0.75;

export interface DispatchOptions {
  readonly blockCount: number;
  /** Longest task, by the measured speed of its worker. */
  readonly targetTaskMs: number;
}

/** A task for a worker, and why it got that. */
export interface Next {
  readonly open: OpenTask;
  /** A task that its worker is to give up: its cells wait again. */
  readonly recalled?: { readonly workerId: string; readonly open: OpenTask };
  readonly events: readonly FleetEvent[];
}

/**
 * What each worker gets next: first what others failed, then what it is to check, then off its own share or the pool,
 * then what it can take over from another's share, then what waits in another's hands, then a copy of what another
 * computes, and at last what may be wanted next.
 *
 * Invariants:
 * 1. A cell that is owed waits in a share, the pool or the retries, or is in one task, or in two that are twins.
 * 2. A retry goes to a worker that has not failed it, while there is one.
 * 3. A check is tried by a few workers and then given up: its cell is there already.
 * 4. A worker for which there was nothing is not looked at again at once: a thousand that wait at the end of an
 *    iteration would cost more than those that work.
 * 5. A task that took down two workers is alone in a worker's hands: whatever happens to that one is its doing.
 */
export class Dispatch {
  readonly speeds = new Speeds();
  readonly places = new Places();
  readonly walks: BaselineWalks;
  private readonly costs: Costs;
  private readonly options: DispatchOptions;
  private readonly leases: Leases;
  private readonly checks: Checks;
  private readonly outlook: Outlook;
  private readonly shares: Shares;
  /** What may be wanted next. */
  private readonly ahead: Shares;
  private aheadMask: Mask | null = null;
  private retries: OpenTask[] = [];
  /** Workers for which there was nothing, until something new waits or some time has passed (4). */
  private readonly resting = new Map<string, { readonly version: number; readonly untilMs: number }>();
  private queued = 0;
  private idCount = 0;

  constructor(costs: Costs, options: DispatchOptions, leases: Leases, checks: Checks) {
    this.costs = costs;
    this.options = options;
    this.leases = leases;
    this.checks = checks;
    this.outlook = new Outlook(costs, options.blockCount, leases, this.speeds);
    this.shares = new Shares(costs, options.blockCount);
    this.ahead = new Shares(costs, options.blockCount);
    this.walks = new BaselineWalks(options.blockCount);
  }

  /** Divides cells that wait among the workers there are. */
  spread(lots: readonly Lot[], ready: readonly Computer[], nowMs: number): void {
    this.changed();
    this.shares.spread(lots, this.sharers(this.places.inOrder(ready), nowMs));
  }

  /** Divides cells that may be wanted next: workers get them when there is nothing else for them. */
  runAhead(lots: readonly Lot[], ready: readonly Computer[], mask: Mask): void {
    this.changed();
    this.aheadMask = mask;
    this.ahead.spread(lots, this.sharers(this.places.inOrder(ready), 0));
  }

  /** What ran ahead is wanted now. */
  catchUp(): void {
    this.changed();
    this.aheadMask = null;
    this.shares.absorb(this.ahead);
  }

  /** What ran ahead is not wanted. */
  dropAhead(): void {
    this.aheadMask = null;
    this.ahead.clear();
  }

  /** Takes cells out of all that waits. @returns those that were there */
  withdraw(isGone: (id: CellId) => boolean): CellId[] {
    this.outlook.forget();
    const gone = this.shares.withdraw(isGone);
    for (const open of this.retries) {
      const superfluous = owedWork(open).flatMap(cellsOf).filter(isGone);
      for (const id of superfluous) settle(open, id);
      gone.push(...superfluous);
    }
    this.retries = this.retries.filter(({ remaining }) => remaining.size > 0);
    return gone;
  }

  /** Tasks that wait to be tried again, and lots that no task has been cut of. */
  get waitingCount(): number {
    return this.retries.length + this.shares.lotCount;
  }

  /** @param ready all that may get tasks, the worker among them */
  next(worker: Computer, ready: readonly Computer[], nowMs: number): Next | null {
    const resting = this.resting.get(worker.id);
    if (resting?.version === this.version && nowMs < resting.untilMs) return null;
    const next = this.find(worker, ready, nowMs);
    if (next) this.resting.delete(worker.id);
    else this.resting.set(worker.id, { version: this.version, untilMs: nowMs + REST_MS });
    return next;
  }

  private find(worker: Computer, ready: readonly Computer[], nowMs: number): Next | null {
    const hand = this.leases.held(worker.id);
    const held = hand.length;
    if (hand.some(isSuspect) || (held > 0 && this.retries.some((open) => isSuspect(open)))) return null; // (5)
    const isNearlyIdle = held === 0 || this.outlook.busyMs(worker.id, nowMs) < LEAST_TASK_MS;
    return (
      this.retry(worker, ready) ??
      this.check(worker) ??
      this.ofShare(this.shares, worker, ready.length) ??
      (isNearlyIdle ? this.stolen(worker, ready, nowMs) : null) ??
      (held === 0 ? (this.recalled(worker, ready, nowMs) ?? this.copy(worker, ready, nowMs)) : null) ??
      this.ofShare(this.ahead, worker, ready.length)
    );
  }

  /** What a worker holds has changed: it is worth a look again. */
  awake(workerId: string): void {
    this.resting.delete(workerId);
  }

  left(workerId: string): void {
    this.stop(workerId);
    this.speeds.left(workerId);
    this.places.left(workerId);
    this.walks.left(workerId);
    this.resting.delete(workerId);
  }

  /** The worker gets nothing more: what waits for it is for others. */
  stop(workerId: string): void {
    this.changed();
    this.shares.release(workerId);
    this.ahead.release(workerId);
  }

  /**
   * Queues what a task taken from its worker still owes, but for what its twin goes on with.
   * @param blamed the worker whose loss or failure counts against the task, or null where none does
   */
  reissue(open: OpenTask, blamed: LostWorker | null, reason: string): FleetEvent[] {
    this.changed();
    const owed = this.untwin(open, blamed);
    if (owed.size === 0) return [];
    const { id: taskId, base } = open.task;
    if (this.aheadMask && !open.isCheck && sameBlocks(base, this.aheadMask)) {
      this.ahead.add(owedWork(open).flatMap(lotsOfWork)); // whoever is to blame will show once it is wanted
      return [];
    }
    if (open.isCheck) {
      this.checks.giveBack(owedWork(open).flatMap(cellsOf), blamed !== null); // (3)
      return [];
    }
    const { parts, lost, condemned } = planRetry(open, blamed, reason);
    if (lost.length === 0) {
      this.shares.add(parts.flatMap(lotsOfWork));
      return [{ kind: 'task-reissued', taskId, into: [], lostWorkers: 0 }];
    }
    const tasks = parts.map((work) => openTask(this.newId(), work, lost));
    this.retries.push(...tasks);
    const into = tasks.map(({ task }) => task.id);
    const reissued: FleetEvent = { kind: 'task-reissued', taskId, into, lostWorkers: lost.length };
    return condemned ? [reissued, condemned] : [reissued];
  }

  private changed(): void {
    this.queued++;
    this.outlook.forget();
  }

  /** Changes with whatever may be new for a worker. */
  private get version(): number {
    return this.queued + this.checks.version;
  }

  private retry(worker: Computer, ready: readonly Computer[]): Next | null {
    const hasTried = ({ lost }: OpenTask, { id }: Computer): boolean => lost.some((each) => each.id === id);
    const open = this.retries.find(
      (each) => !hasTried(each, worker) || ready.every((other) => hasTried(each, other)), // (2)
    );
    if (open === undefined) return null;
    this.retries = this.retries.filter((each) => each !== open);
    return { open, events: [] };
  }

  private check(worker: Computer): Next | null {
    const work = this.checks.take(worker);
    return work && { open: openTask(this.newId(), work, [], true), events: [] };
  }

  private ofShare(shares: Shares, { id }: Computer, workerCount: number): Next | null {
    if (!shares.hasFor(id)) return null;
    const limit = this.limitFlops(shares, id, workerCount);
    const work = shares.take(id, limit, (lot) => this.walks.startOf(id, lot, lot.row));
    return work && { open: openTask(this.newId(), work), events: [] };
  }

  private stolen(worker: Computer, ready: readonly Computer[], nowMs: number): Next | null {
    if (!this.shares.hasShares) return null;
    const others = this.sharers(this.shares.sharers, nowMs);
    const [thief] = this.sharers([worker], nowMs);
    const theft = this.shares.steal(thief, others);
    const next = theft && this.ofShare(this.shares, worker, ready.length);
    if (!next) return null;
    const cellsTaken = theft.taken.reduce((sum, lot) => sum + lotSize(lot), 0);
    const reason = `done in ${inSeconds(theft.doneMs)} together, else in ${inSeconds(theft.aloneMs)}`;
    return {
      open: next.open,
      events: [
        { kind: 'work-stolen', workerId: worker.id, fromWorkerId: theft.from, cellCount: cellsTaken, reason },
      ],
    };
  }

  /** A part of the task that waits in the hands of the worker that will be done latest: all of it is shared anew. */
  private recalled(worker: Computer, ready: readonly Computer[], nowMs: number): Next | null {
    for (const id of this.outlook.latest(ready, (id) => this.copyable(id) !== null, nowMs)) {
      const open = this.copyable(id);
      const before = this.leases.held(id).slice(0, -1);
      if (open === null || open.lost.length > 0 || id === worker.id) continue;
      const waitMs = this.outlook.neededMs(id, before.flatMap(owedWork).flatMap(lotsOfWork));
      if (waitMs < LEAST_TASK_MS) continue;
      this.shares.add(owedWork(open).flatMap(lotsOfWork));
      this.changed();
      const next = this.ofShare(this.shares, worker, ready.length);
      const reason = `it would wait for ${inSeconds(waitMs)}`;
      const recalled = { kind: 'task-recalled', taskId: open.task.id, workerId: id, reason } as const;
      return next && { open: next.open, events: [recalled], recalled: { workerId: id, open } };
    }
    return null;
  }

  /** A copy of the last part of what the worker that will be done latest has in hand. */
  private copy(worker: Computer, ready: readonly Computer[], nowMs: number): Next | null {
    const speed = this.speeds.of(worker.id);
    let best:
      | { readonly of: OpenTask; readonly by: string; readonly lots: Lot[]; readonly ms: [number, number] }
      | undefined;
    for (const id of this.outlook.latest(ready, (id) => this.copyable(id) !== null, nowMs)) {
      const of = this.copyable(id);
      if (id === worker.id || of === null || of.lost.some((lost) => lost.id === worker.id)) continue;
      const lots = owedWork(of).flatMap(lotsOfWork);
      const neededMs = this.outlook.neededMs(id, lots);
      const before = this.leases.held(id).slice(0, -1);
      const beforeMs = this.outlook.neededMs(id, before.flatMap(owedWork).flatMap(lotsOfWork));
      const late = Math.max(1, (this.outlook.busyMs(id, nowMs) - beforeMs) / neededMs);
      const victim = { lots, speed: this.speeds.of(id) / late, busyMs: beforeMs };
      const { taken, doneMs, aloneMs } = divide(this.costs, this.options.blockCount, victim, speed);
      if (taken.length === 0 || doneMs > HEDGE_GAIN * aloneMs || aloneMs < (best?.ms[0] ?? LEAST_TASK_MS))
        continue;
      best = { of, by: id, lots: taken, ms: [aloneMs, doneMs] };
    }
    if (best === undefined) return null;
    const last = best.lots.at(-1)!;
    const open = openTask(this.newId(), workOf(best.lots.filter((lot) => isAlike(lot, last))));
    pair(open, best.of);
    const reason = `expected in ${inSeconds(best.ms[1])}, else in ${inSeconds(best.ms[0])}`;
    const { id: taskId } = open.task;
    return {
      open,
      events: [
        {
          kind: 'task-copied',
          taskId,
          of: best.of.task.id,
          workerId: worker.id,
          fromWorkerId: best.by,
          reason,
        },
      ],
    };
  }

  /** @returns what is left to queue */
  private untwin(open: OpenTask, blamed: LostWorker | null): OpenTask['remaining'] {
    const { twin, remaining } = open;
    if (twin === null) return remaining;
    twin.twin = null;
    open.twin = null;
    if (blamed !== null) twin.lost = [...twin.lost, { id: blamed.id, name: blamed.name }];
    for (const [row, candidates] of remaining) {
      for (const candidate of twin.remaining.get(row) ?? []) candidates.delete(candidate);
      if (candidates.size === 0) remaining.delete(row);
    }
    return remaining;
  }

  private limitFlops(shares: Shares, workerId: string, workerCount: number): number {
    const { targetTaskMs } = this.options;
    const waiting = shares.flopsOf(workerId) + shares.poolFlops / workerCount;
    const speed = this.speeds.estimateOf(workerId);
    if (speed === undefined) return 0; // one cell, to find out
    const longestMs = this.speeds.measuredOf(workerId) === undefined ? FIRST_TASK_MS : targetTaskMs;
    return speed * Math.min(longestMs, Math.max(LEAST_TASK_MS, waiting / speed / TASKS_AHEAD));
  }

  /** The task of a worker that another may get a copy of: the last one in its hands, unless it has one. */
  private copyable(workerId: string): OpenTask | null {
    const open = this.leases.held(workerId).at(-1);
    if (!open || open.isCheck || open.twin || open.remaining.size === 0) return null;
    return this.aheadMask && sameBlocks(open.task.base, this.aheadMask) ? null : open;
  }

  private sharers(workers: readonly { readonly id: string }[], nowMs: number): Sharer[] {
    return workers.map(({ id }) => ({
      id,
      speed: this.speeds.of(id),
      busyMs: this.outlook.busyMs(id, nowMs),
    }));
  }

  private newId(): string {
    return `t${++this.idCount}`;
  }
}

function isSuspect({ lost }: OpenTask): boolean {
  return lost.length >= LOSSES_TO_HALVE;
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toPrecision(3)} s`;
}
