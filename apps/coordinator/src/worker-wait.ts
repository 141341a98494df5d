/**
 * How long a run has been without a worker.
 *
 * Invariants:
 * 1. The time begins with the first look, and anew whenever a worker is ready. One that joins and leaves without having
 *    been ready does not begin it anew.
 * 2. It is never over while a worker is connected: it may be loading a large model.
 */
export class WorkerWait {
  private readonly timeoutMs: number;
  private sinceMs: number | undefined;
  private hasBegun = true;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** @returns `begun` once after the last worker has gone, `over` when none came in time */
  look(nowMs: number, connected: number, ready: number): 'begun' | 'over' | null {
    if (ready > 0) this.hasBegun = false;
    if (ready > 0 || this.sinceMs === undefined) this.sinceMs = nowMs; // (1)
    if (connected > 0) return null; // (2)
    if (nowMs - this.sinceMs >= this.timeoutMs) return 'over';
    if (this.hasBegun) return null;
    this.hasBegun = true;
    return 'begun';
  }
}
