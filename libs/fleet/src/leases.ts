import type { OpenTask } from './open-task.ts';

interface Hand {
  readonly tasks: OpenTask[];
  /** When this worker last got on with its work: the clock of all its leases. */
  progressMs: number;
  /** When it began with the first of its tasks. */
  startedMs: number;
}

/** Ended tasks of a worker that are remembered: messages about them may still be on their way. */
const ENDED_KEPT = 4;

/**
 * Which tasks are in which worker's hands.
 *
 * Invariants:
 * 1. A worker computes its tasks in the order they were leased: the first one that owes cells is running.
 * 2. A worker has one clock for all its leases. It starts with the first lease and starts anew with each
 *    delivery, each sign that its task gets on, and each task that ends: a task waiting behind a running one never expires by itself.
 * 3. A task is in the hands of one worker at most.
 */
export class Leases {
  private readonly hands = new Map<string, Hand>();
  private readonly holders = new Map<OpenTask, string>();
  private readonly ended = new Map<string, OpenTask[]>();
  private readonly leaseMs: number;
  private readonly onChange: (workerId: string) => void;

  /** @param onChange what the worker holds has changed */
  constructor(leaseMs: number, onChange: (workerId: string) => void) {
    this.leaseMs = leaseMs;
    this.onChange = onChange;
  }

  /** Tasks in hands, of all workers. */
  get count(): number {
    return this.holders.size;
  }

  held(workerId: string): readonly OpenTask[] {
    return this.hands.get(workerId)?.tasks ?? [];
  }

  find(workerId: string, taskId: string): OpenTask | undefined {
    return this.held(workerId).find(({ task }) => task.id === taskId);
  }

  /** A task that the worker held until lately. */
  findEnded(workerId: string, taskId: string): OpenTask | undefined {
    return this.ended.get(workerId)?.find(({ task }) => task.id === taskId);
  }

  /** Who holds a task. */
  holderOf(open: OpenTask): string | undefined {
    return this.holders.get(open);
  }

  /** When the worker last got on with its work; 0 where it has none. */
  progressMs(workerId: string): number {
    return this.hands.get(workerId)?.progressMs ?? 0;
  }

  /** When the worker began with the first of its tasks; 0 where it has none. */
  startedMs(workerId: string): number {
    return this.hands.get(workerId)?.startedMs ?? 0;
  }

  grant(workerId: string, open: OpenTask, nowMs: number): void {
    const hand = this.hands.get(workerId);
    if (hand) hand.tasks.push(open);
    else this.hands.set(workerId, { tasks: [open], progressMs: nowMs, startedMs: nowMs });
    this.holders.set(open, workerId); // (3)
    this.onChange(workerId);
  }

  renew(workerId: string, nowMs: number): void {
    const hand = this.hands.get(workerId);
    if (hand) hand.progressMs = nowMs; // (2)
  }

  release(workerId: string, open: OpenTask, nowMs: number): void {
    const rest = this.held(workerId).filter((held) => held !== open);
    if (rest.length === 0) this.hands.delete(workerId);
    else this.hands.set(workerId, { tasks: rest, progressMs: nowMs, startedMs: nowMs });
    this.holders.delete(open);
    this.ended.set(workerId, [open, ...(this.ended.get(workerId) ?? [])].slice(0, ENDED_KEPT));
    this.onChange(workerId);
  }

  /** Takes all tasks out of a worker's hands, in the order they were leased. */
  takeAll(workerId: string): readonly OpenTask[] {
    const tasks = this.held(workerId);
    this.hands.delete(workerId);
    this.ended.delete(workerId);
    for (const open of tasks) this.holders.delete(open);
    this.onChange(workerId);
    return tasks;
  }

  /** The task a worker is running, or undefined (1). */
  running(workerId: string): OpenTask | undefined {
    return this.held(workerId).find(({ remaining }) => remaining.size > 0);
  }

  isOverdue(workerId: string, nowMs: number): boolean {
    const hand = this.hands.get(workerId);
    return hand !== undefined && nowMs - hand.progressMs >= this.leaseMs;
  }
}
