import type { WorkerActivity } from '@blockpruner/telemetry';

/**
 * What the time of a worker went to.
 *
 * Invariants:
 * 1. At each moment there is exactly one activity: the seconds of all together are the time since the start.
 */
export class ActivityClock {
  private readonly nowMs: () => number;
  private readonly spentMs: Record<WorkerActivity, number> = {
    connecting: 0,
    loading: 0,
    waiting: 0,
    computing: 0,
    sending: 0,
    draining: 0,
  };
  private current: WorkerActivity = 'connecting';
  private sinceMs: number;

  /** Starts with connecting. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.nowMs = nowMs;
    this.sinceMs = nowMs();
  }

  become(activity: WorkerActivity): void {
    this.settle();
    this.current = activity;
  }

  /** The present activity up to this moment is in it. */
  seconds(): Record<WorkerActivity, number> {
    this.settle();
    const entries = Object.entries(this.spentMs).map(([activity, ms]) => [activity, ms / 1000]);
    return Object.fromEntries(entries) as Record<WorkerActivity, number>;
  }

  private settle(): void {
    const nowMs = this.nowMs();
    this.spentMs[this.current] += nowMs - this.sinceMs; // (1)
    this.sinceMs = nowMs;
  }
}
