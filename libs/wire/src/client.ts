import { formatAddress, parseAddress, type Address } from './address.ts';
import { backoffMs } from './backoff.ts';
import { CoordinatorStream } from './coordinator-stream.ts';
import type { CoordinatorMessage, Hello, WorkerMessage } from './message.ts';
import type { ClientSecurity } from './security.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/**
 * Why there is no stream to the coordinator. `refused` is for good. After `lost` (the hello had been
 * accepted) and `unreachable` (it had not) the client dials again in `retryMs`.
 */
export type CloseReason =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'lost' | 'unreachable'; readonly reason: string; readonly retryMs: number };

/** What the worker hears. Nothing is called from inside a method of the client. */
export interface FleetClientHandlers {
  /** Every message but `refused`, which arrives as a close reason. */
  onMessage(message: CoordinatorMessage): void;
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
  | { readonly at: 'waiting'; readonly cancel: () => void };

/**
 * The worker's side of the protocol: holds one stream, and dials again when it breaks.
 *
 * Invariants:
 * 1. There is at most one stream, and none while waiting.
 * 2. The wait grows with each attempt that ends before its welcome; a welcome starts it over.
 * 3. `closed` is final: by `close`, or because the coordinator refused.
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

  /** Ends the stream after what was sent, and dials no more. */
  async close(): Promise<void> {
    const { phase } = this;
    this.phase = { at: 'closed' }; // (3)
    if (phase.at === 'waiting') phase.cancel();
    if (phase.at === 'attempting') await phase.stream.close();
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
        onMessage: (message) => {
          if (message.kind === 'welcome') this.failures = 0; // (2)
          handlers.onMessage(message);
        },
        onEnd: ({ kind, reason }) => {
          if (this.phase.at === 'closed') return;
          if (kind === 'refused') {
            this.phase = { at: 'closed' }; // (3)
            handlers.onClosed({ kind, reason });
          } else {
            handlers.onClosed({ kind, reason, retryMs: this.retry() });
          }
        },
      },
      { answerTimeoutMs, closeGraceMs },
    );
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
