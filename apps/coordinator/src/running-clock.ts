/** The fleet looks at the clock at least twice a second; a longer time between two looks is a pause of this process. */
const LONGEST_STEP_MS = 2000;

/**
 * Milliseconds that this process has run. A process that was stopped, or whose machine was, has heard nothing meanwhile:
 * that must not count as silence of its workers.
 *
 * Invariants:
 * 1. It never goes back.
 * 2. Between two looks it advances by two seconds at most.
 */
export class RunningClock {
  private readonly monotonicMs: () => number;
  private lookedMs: number;
  private runMs = 0;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.monotonicMs = monotonicMs;
    this.lookedMs = monotonicMs();
  }

  /** Whole milliseconds since it was made. */
  now(): number {
    const nowMs = this.monotonicMs();
    this.runMs += Math.min(nowMs - this.lookedMs, LONGEST_STEP_MS);
    this.lookedMs = nowMs;
    return Math.round(this.runMs);
  }
}
