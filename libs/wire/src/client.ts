import { formatAddress, parseAddress, type Address } from './address.ts';
import { backoffMs } from './backoff.ts';
import { CoordinatorStream } from './coordinator-stream.ts';
import type { CoordinatorMessage, Hello, WorkerMessage } from './message.ts';
import type { ClientSecurity } from './security.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/**
 * Why there is no stream to the coordinator: it turned us away (`refused`), we cannot serve its run (`failed`), the stream
 * broke off (`lost`), or the hello was never accepted (`unreachable`).
 */
export interface CloseReason {
  readonly kind: 'refused' | 'failed' | 'lost' | 'unreachable';
  /** One line. */
  readonly reason: string;
  /** In how long the client dials again; null: it does not, after `refused` or `failed` without `retryRefusals`. */
  readonly retryMs: number | null;
}

/** What the worker hears. Nothing is called from inside a method of the client. */
export interface FleetClientHandlers {
  /** Every message but `refused`, which arrives as a close reason. */
  onMessage(message: CoordinatorMessage): void;
  /** Each time that everything that was sent is on the network. */
  onSent?(): void;
  /** After each attempt that ended by itself; never because of `close`. */
  onClosed(reason: CloseReason): void;
}

/** What is left out takes its default. */
export interface FleetClientOptions {
  /** `host:port`. */
  readonly address: string;
  /** Plaintext and no token by default. */
  readonly security?: ClientSecurity;
  /** Called for each attempt: memory and threads may have changed. */
  readonly hello: () => Hello;
  readonly handlers: FleetClientHandlers;
  /** Whether to dial again after `refused` and `failed` too; not by default. */
  readonly retryRefusals?: boolean;
  /** How long the coordinator may take to accept a hello; 20 s, gRPC's connection timeout. */
  readonly answerTimeoutMs?: number;
  /** How long `close` waits for what was sent to leave; 1 s. */
  readonly closeGraceMs?: number;
  /** From `[0, 1)`: the jitter. */
  readonly random?: () => number;
  /** Calls back after the delay, unless the function it returns is called before. */
  readonly schedule?: (callback: () => void, delayMs: number) => () => void;
}

type Phase =
  | { readonly at: 'idle' | 'closed' }
  | { readonly at: 'attempting'; readonly stream: CoordinatorStream }
  | { readonly at: 'hanging-up'; readonly done: Promise<void> }
  | { readonly at: 'waiting'; readonly cancel: () => void };

/**
 * The worker's side of the protocol: holds one stream, and dials again when it breaks.
 *
 * Invariants:
 * 1. There is at most one stream, and none while waiting.
 * 2. The wait grows with each attempt that ends before it has proven itself; one that has starts it over.
 * 3. `closed` is final: by `close`, or, without `retryRefusals`, because the coordinator refused or its run cannot be served.
 */
export class FleetClient {
  private readonly options: FleetClientOptions;
  private readonly address: Address;
  private phase: Phase = { at: 'idle' };
  private failures = 0;

  /** @throws WireError when the address is not `host:port` */
  constructor(options: FleetClientOptions) {
    this.options = options;
    this.address = parseAddress(options.address);
  }

  /** Starts dialling; later calls do nothing. */
  connect(): void {
    if (this.phase.at === 'idle') this.dial();
  }

  /**
   * Sends in order on a stream whose hello was accepted, and drops the message where there is none: what a
   * lost stream held is handed out again.
   * @throws WireError when the message is larger than 32 MiB
   */
  send(message: WorkerMessage): void {
    if (this.phase.at === 'attempting') this.phase.stream.send(message);
  }

  /** Whether something that was sent is not on the network yet. */
  get isSending(): boolean {
    return this.phase.at === 'attempting' && this.phase.stream.isSending;
  }

  /** The attempt has come to something: after its end the first wait is a short one again. */
  proven(): void {
    if (this.phase.at === 'attempting') this.failures = 0; // (2)
  }

  /** Tells the coordinator that its run cannot be served here, and ends the stream after what was sent. */
  fail(reason: string): void {
    if (this.phase.at !== 'attempting') return;
    const { stream } = this.phase;
    stream.send({ kind: 'failed', reason });
    const done = stream.close();
    this.phase = { at: 'hanging-up', done };
    void done.then(() => {
      if (this.phase.at === 'hanging-up') this.turnedAway('failed', reason);
    });
  }

  /** Ends the stream after what was sent, and dials no more. */
  async close(): Promise<void> {
    const { phase } = this;
    this.phase = { at: 'closed' }; // (3)
    if (phase.at === 'waiting') phase.cancel();
    if (phase.at === 'attempting') await phase.stream.close();
    if (phase.at === 'hanging-up') await phase.done;
  }

  private dial(): void {
    try {
      this.phase = { at: 'attempting', stream: this.openStream() };
    } catch (error) {
      if (!(error instanceof WireError && error.code === 'bad-credentials')) throw error;
      // They are files, which may be replaced this very moment.
      const reason = cutReason(`coordinator ${formatAddress(this.address)}: ${error.message}`);
      const retryMs = this.retry();
      queueMicrotask(() => {
        if (this.phase.at !== 'closed')
          this.options.handlers.onClosed({ kind: 'unreachable', reason, retryMs });
      });
    }
  }

  private openStream(): CoordinatorStream {
    const { security = {}, hello, handlers, answerTimeoutMs = 20_000, closeGraceMs = 1000 } = this.options;
    return new CoordinatorStream(
      this.address,
      security,
      hello(),
      {
        onMessage: (message) => handlers.onMessage(message),
        onSent: () => handlers.onSent?.(),
        onEnd: ({ kind, reason }) => {
          if (this.phase.at !== 'attempting') return;
          if (kind === 'refused') this.turnedAway(kind, reason);
          else handlers.onClosed({ kind, reason, retryMs: this.retry() });
        },
      },
      { answerTimeoutMs, closeGraceMs },
    );
  }

  private turnedAway(kind: 'refused' | 'failed', reason: string): void {
    const { retryRefusals = false, handlers } = this.options;
    if (!retryRefusals) this.phase = { at: 'closed' }; // (3)
    handlers.onClosed({ kind, reason, retryMs: retryRefusals ? this.retry() : null });
  }

  private retry(): number {
    const { random = Math.random, schedule = scheduleTimer } = this.options;
    const retryMs = backoffMs(++this.failures, random());
    this.phase = { at: 'waiting', cancel: schedule(() => this.dial(), retryMs) };
    return retryMs;
  }
}

function scheduleTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
