import type { OpenTask } from './open-task.ts';

interface Hand {
  readonly tasks: OpenTask[];
  /** When this worker last got on with its work: the clock of all its leases. */
  progressMs: number;
}

/**
 * Which tasks are in which worker's hands.
 *
 * Invariants:
 * 1. A worker computes its tasks in the order they were leased: the first one that owes cells is running.
 * 2. A worker has one clock for all its leases. It starts with the first lease and starts anew with each
 *    delivery, each sign that its task gets on, and each task that ends: a task waiting behind a running one never expires by itself.
 */
export class Leases {
  private readonly hands = new Map<string, Hand>();
  private readonly leaseMs: number;

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  held(workerId: string): readonly OpenTask[] {
    return this.hands.get(workerId)?.tasks ?? [];
  }

  find(workerId: string, taskId: string): OpenTask | undefined {
    return this.held(workerId).find(({ task }) => task.id === taskId);
  }

  grant(workerId: string, open: OpenTask, nowMs: number): void {
    const hand = this.hands.get(workerId);
    if (hand) hand.tasks.push(open);
    else this.hands.set(workerId, { tasks: [open], progressMs: nowMs });
  }

  renew(workerId: string, nowMs: number): void {
    const hand = this.hands.get(workerId);
    if (hand) hand.progressMs = nowMs; // (2)
  }

  release(workerId: string, open: OpenTask, nowMs: number): void {
    const rest = this.held(workerId).filter((held) => held !== open);
    if (rest.length === 0) this.hands.delete(workerId);
    else this.hands.set(workerId, { tasks: rest, progressMs: nowMs });
  }

  /** Takes all tasks out of a worker's hands, in the order they were leased. */
  takeAll(workerId: string): readonly OpenTask[] {
    const tasks = this.held(workerId);
    this.hands.delete(workerId);
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
