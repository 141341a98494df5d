import type { Mask } from '@blockpruner/blocks';
import { seededOrder, type CellId } from '@blockpruner/perplexity';
import { Checks } from './checks.ts';
import { Costs } from './costs.ts';
import { Dispatch } from './dispatch.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { FleetOptions } from './fleet-options.ts';
import { Leases } from './leases.ts';
import type { OpenTask } from './open-task.ts';
import { newCounters, Progress } from './progress.ts';
import { Registry, type Member } from './registry.ts';

const DEFAULT_TARGET_TASK_MS = 10_000;

/** A task that its worker is to give up: others have delivered all of it, or are to. */
export interface Cancellation {
  readonly workerId: string;
  readonly taskId: string;
}

/** What a fleet keeps account of. */
export class Books {
  readonly options: FleetOptions;
  readonly blockCount: number;
  readonly registry: Registry;
  readonly leases: Leases;
  readonly checks = new Checks();
  readonly costs: Costs;
  readonly dispatch: Dispatch;
  readonly work = new Progress();
  readonly counters = newCounters();
  /** Ids of the workers that may get a task now. */
  readonly hungry = new Set<string>();
  /** Keys of the cells that are owed. */
  readonly owed = new Set<string>();
  /** The cells that run ahead and have not come, by key, the mask that they are of, and FLOPs of those that have come. */
  ahead: { readonly mask: Mask; readonly owed: Map<string, CellId>; flops: number } | null = null;
  /** FLOPs of cells that ran ahead, and were wanted in the end. */
  aheadFlops = 0;
  private readonly cancellations: Cancellation[] = [];
  private seededRows: readonly number[] | undefined;

  constructor(options: FleetOptions) {
    const { leaseMs, targetTaskMs = DEFAULT_TARGET_TASK_MS, mixedClasses = false, numericClass } = options;
    this.options = options;
    this.blockCount = 2 * options.shape.layerCount;
    this.registry = new Registry(mixedClasses, numericClass);
    this.leases = new Leases(leaseMs, (workerId) => this.refresh(workerId));
    this.costs = new Costs(options);
    const limits = { blockCount: this.blockCount, targetTaskMs };
    this.dispatch = new Dispatch(this.costs, limits, this.leases, this.checks);
  }

  /** Rows in the order in which candidates are confirmed on them. */
  get rowOrder(): readonly number[] {
    this.seededRows ??= seededOrder(this.options.rowTokens.length, this.options.seed ?? 0);
    return this.seededRows;
  }

  /** A word of a worker. @returns undefined where it has not joined */
  hear(workerId: string, nowMs: number): Member | undefined {
    const member = this.registry.get(workerId);
    if (member) member.heardMs = nowMs;
    return member;
  }

  /** The worker, or what it holds, has changed. */
  refresh(workerId: string): void {
    const isHungry =
      this.registry.isReady(workerId) && this.leases.held(workerId).length < this.options.maxTasksPerWorker;
    this.dispatch.awake(workerId);
    if (isHungry) this.hungry.add(workerId);
    else this.hungry.delete(workerId);
  }

  /** Takes a task out of its worker's hands, and has the worker told. */
  cancel(workerId: string, open: OpenTask, nowMs: number): void {
    this.leases.release(workerId, open, nowMs);
    this.cancellations.push({ workerId, taskId: open.task.id });
  }

  /** What workers are to be told to give up, once. */
  takeCancellations(): Cancellation[] {
    return this.cancellations.splice(0);
  }

  /** Counts what was done out of turn. */
  tell(events: readonly FleetEvent[]): void {
    for (const { kind } of events) {
      if (kind === 'work-stolen' || kind === 'task-recalled') this.counters.thefts++;
      if (kind === 'task-copied') this.counters.copies++;
    }
  }

  fault(workerId: string, taskId: string | null, reason: string): FleetEvent {
    this.counters.protocolFaults++;
    return { kind: 'protocol-fault', workerId, taskId, reason };
  }

  /** Has cells computed once more, where there is another worker for that. */
  check(ids: readonly CellId[]): void {
    const ready = this.registry.ready();
    for (const id of ids) if (this.checks.canBeChecked(id, ready)) this.checks.want(id);
  }
}
