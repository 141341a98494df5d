import type { Socket } from 'node:net';

/** What happens to the bytes of one direction. */
export interface LinkFaults {
  /** Every byte arrives so much later. */
  readonly latencyMs: number;
  /** Up to so much is added to the latency of each chunk, at random; the order stays. */
  readonly jitterMs: number;
  /** Infinity for as fast as it goes. */
  readonly bytesPerSecond: number;
  /**
   * `hold` keeps bytes back until they may pass again, as a pulled cable does for as long as TCP retries; `drop`
   * swallows them, and an end or a reset too, so that a connection that has lost some never works again.
   */
  readonly flow: 'pass' | 'hold' | 'drop';
}

export const NO_FAULTS: LinkFaults = { latencyMs: 0, jitterMs: 0, bytesPerSecond: Infinity, flow: 'pass' };

/** More is not read from the source before it is written to the sink. */
const MAX_WAITING_BYTES = 2 ** 20;
/** Size of the steps in which a slow link passes bytes on. */
const THROTTLED_STEP_BYTES = 4096;

interface Waiting {
  readonly what: Buffer | 'end' | 'reset';
  readonly dueMs: number;
}

/**
 * One direction of a connection through the fault proxy.
 *
 * Invariants:
 * 1. What passes does so in order, none of it twice.
 * 2. Behind a byte that was dropped nothing passes.
 */
export class FaultyLink {
  private readonly source: Socket;
  private readonly sink: Socket;
  private readonly random: () => number;
  private faults: LinkFaults;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private freeMs = 0;
  private isCut = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param random from `[0, 1)`: the jitter */
  constructor(source: Socket, sink: Socket, faults: LinkFaults, random: () => number) {
    this.source = source;
    this.sink = sink;
    this.faults = faults;
    this.random = random;
    source.on('data', (bytes: Buffer) => this.take(bytes));
    source.on('end', () => this.take('end'));
    source.on('close', (hadError) => hadError && this.take('reset'));
    sink.on('drain', () => this.pump());
    sink.on('close', () => clearTimeout(this.timer));
  }

  /** Takes effect at once, on bytes under way too. */
  change(faults: LinkFaults): void {
    this.faults = faults;
    if (faults.flow === 'drop' && this.waiting.length > 0) this.cut();
    this.pump();
  }

  /** Ends this direction as its source would, and passes nothing more. */
  end(): void {
    this.take('end');
    this.isCut = true;
  }

  private take(what: Waiting['what']): void {
    if (this.faults.flow === 'drop') this.cut();
    if (this.isCut) return; // (2)
    const { latencyMs, jitterMs } = this.faults;
    const dueMs = performance.now() + latencyMs + jitterMs * this.random();
    this.waiting.push({ what, dueMs: Math.max(dueMs, this.waiting.at(-1)?.dueMs ?? 0) }); // (1)
    if (typeof what !== 'string') this.waitingBytes += what.length;
    this.pump();
  }

  private cut(): void {
    this.isCut = true;
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private pump(): void {
    clearTimeout(this.timer);
    while (this.waiting.length > 0 && this.faults.flow === 'pass' && !this.sink.writableNeedDrain) {
      const waitMs = Math.max(this.waiting[0].dueMs, this.freeMs) - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        break;
      }
      this.pass(this.waiting.shift()!);
    }
    if (this.waitingBytes > MAX_WAITING_BYTES) this.source.pause();
    else this.source.resume();
  }

  private pass({ what, dueMs }: Waiting): void {
    if (what === 'reset') this.sink.resetAndDestroy();
    else if (what === 'end') this.sink.end();
    else {
      const { bytesPerSecond } = this.faults;
      const step = bytesPerSecond === Infinity ? what : what.subarray(0, THROTTLED_STEP_BYTES);
      if (step.length < what.length) this.waiting.unshift({ what: what.subarray(step.length), dueMs });
      this.waitingBytes -= step.length;
      this.freeMs = performance.now() + (1000 * step.length) / bytesPerSecond;
      if (!this.sink.destroyed) this.sink.write(step);
    }
  }
}
