import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactError } from './artifact-error.ts';
import { MAX_WAITING } from './limits.ts';

const NOTICE_MS = 5000;

interface Ticket {
  readonly turn: Promise<void>;
  readonly call: () => void;
}

/**
 * Lets a bounded number of fetches run at once; the others wait in order, so that the first models are whole early
 * instead of all of them late.
 *
 * Invariants:
 * 1. `running` counts the slots that were granted and not given back; it never exceeds the limit.
 * 2. While there is a free slot nobody waits.
 */
export class StreamSlots {
  private readonly limit: number;
  private readonly noticeMs: number;
  private readonly waiting: Ticket[] = [];
  private running = 0;

  /** @param noticeMs how often one that waits hears of its place */
  constructor(limit: number, noticeMs = NOTICE_MS) {
    this.limit = limit;
    this.noticeMs = noticeMs;
  }

  /**
   * Yields how many wait ahead, at once and every few seconds, and returns once a slot is the caller's: it must then
   * call `leave`.
   * @throws ArtifactError when too many wait; the signal's reason when it is aborted first
   */
  async *enter(signal: AbortSignal): AsyncGenerator<number, void> {
    signal.throwIfAborted();
    if (this.running < this.limit) {
      this.running += 1; // (1)
      return;
    }
    if (this.waiting.length >= MAX_WAITING) {
      throw new ArtifactError('unavailable', `${this.waiting.length} fetches wait already: try again later`);
    }
    const { promise: turn, resolve: call } = Promise.withResolvers<void>();
    const ticket: Ticket = { turn, call };
    this.waiting.push(ticket);
    let isGranted = false;
    void turn.then(() => (isGranted = true));
    let isTaken = false;
    try {
      while (!isGranted) {
        yield this.waiting.indexOf(ticket);
        await Promise.race([turn, sleep(this.noticeMs, undefined, { signal, ref: false })]);
      }
      isTaken = true;
    } finally {
      if (!isTaken) this.giveUp(ticket);
    }
  }

  /** Gives a slot back, to the one that has waited longest. */
  leave(): void {
    const next = this.waiting.shift();
    if (next) next.call();
    else this.running -= 1;
  }

  private giveUp(ticket: Ticket): void {
    const place = this.waiting.indexOf(ticket);
    if (place >= 0) this.waiting.splice(place, 1);
    else this.leave(); // it had just been granted
  }
}
