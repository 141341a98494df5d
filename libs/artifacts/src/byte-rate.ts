import { setTimeout as sleep } from 'node:timers/promises';

/** What may leave at once after a pause, in time of the rate. */
const BURST_MS = 50;

/** Holds what many streams send together to a number of bytes a second. */
export class ByteRate {
  private readonly bytesPerMs: number;
  private freeAtMs = 0;

  constructor(bytesPerSecond: number) {
    this.bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when these bytes may be sent; each caller waits behind those that asked before. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    this.freeAtMs = Math.max(this.freeAtMs, nowMs - BURST_MS) + bytes / this.bytesPerMs;
    const waitMs = this.freeAtMs - nowMs;
    if (waitMs > 1) await sleep(waitMs, undefined, { signal });
  }
}
