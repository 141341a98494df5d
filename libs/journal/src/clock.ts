import { setTimeout as sleep } from 'node:timers/promises';

/** Time as a run folder sees it. Only `wallTime` may jump, and it is only ever written down. */
export interface RunClock {
  monotonicMs(): number;
  /** ISO 8601, for people. */
  wallTime(): string;
  sleep(ms: number): Promise<void>;
  /** Calls `tick` every `ms` without keeping the process alive. Returns what stops it. */
  every(ms: number, tick: () => void): () => void;
}

export const SYSTEM_CLOCK: RunClock = {
  monotonicMs: () => performance.now(),
  wallTime: () => new Date().toISOString(),
  sleep: (ms) => sleep(ms),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms).unref();
    return () => clearInterval(timer);
  },
};
