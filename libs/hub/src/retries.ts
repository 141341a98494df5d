import { setTimeout } from 'node:timers/promises';
import { HubError } from './hub-error.ts';

/** How long to wait for a server, and how often to ask it again. */
export interface Patience {
  /** Without a single byte for this long, a connection counts as dead. */
  readonly idleMs: number;
  /** A whole JSON reply takes no longer. */
  readonly replyMs: number;
  /** Tries in a row that brought nothing. */
  readonly attempts: number;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** Six tries wait about half a minute in all: a restart of a router or of a server behind a balancer. */
export const PATIENCE: Patience = {
  idleMs: 30_000,
  replyMs: 120_000,
  attempts: 6,
  firstWaitMs: 1000,
  longestWaitMs: 60_000,
};

/** A failure that may be gone the next time: a lost connection, a stalled or overloaded server. */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
  /** What the server asked for. */
  readonly retryAfterMs: number;

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/**
 * Tries again after a transient failure, with exponential backoff and jitter.
 * @param options `progressed`: whether the last try brought the work on, so that the count of failures starts anew;
 * `signal` ends the waiting with its reason
 * @throws HubError `network` after the last try; any other error at once
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  patience: Patience,
  { progressed = () => false, signal }: { progressed?: () => boolean; signal?: AbortSignal } = {},
): Promise<T> {
  let failures = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      failures = progressed() ? 1 : failures + 1;
      if (failures >= patience.attempts) {
        const tries = failures === 1 ? '' : `, ${failures} times in a row`;
        throw new HubError(
          'network',
          `${error.message}${tries}: check the network and HF_ENDPOINT, and run the command again: what is here stays`,
          { cause: error },
        );
      }
      await pause(waitMs(failures, error.retryAfterMs, patience, Math.random()), signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
  signal?.throwIfAborted();
}

/** @param random from `[0, 1)` */
export function waitMs(failures: number, retryAfterMs: number, patience: Patience, random: number): number {
  const base = Math.max(patience.firstWaitMs * 2 ** (failures - 1), retryAfterMs);
  // Half of it is chance, so that clients that failed together do not come back together; never before the server's time.
  const jittered = Math.max(base * (0.5 + random / 2), retryAfterMs);
  return Math.min(jittered, patience.longestWaitMs);
}
