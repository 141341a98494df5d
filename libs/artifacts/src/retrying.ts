import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactError } from './artifact-error.ts';

/** How long to wait between tries: growing by 1.6, each up to a fifth shorter or longer. */
export interface RetryWaits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** A serving process that died is there again after a second or two; one behind a broken network may take longer. */
export const RETRY_WAITS: RetryWaits = { firstMs: 1000, longestMs: 30_000 };

const FACTOR = 1.6;
const JITTER = 0.2;

/**
 * Tries again for as long as the failure is one that may be gone the next time.
 * @param options `progressed`: whether the last try brought the work on, so that the waits start anew; `signal` ends
 * it
 * @throws any other error at once; the signal's reason
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: {
    readonly signal: AbortSignal;
    readonly waits: RetryWaits;
    readonly progressed?: () => boolean;
    readonly onTrouble: (reason: string, retryMs: number) => void;
  },
): Promise<T> {
  const { signal, waits, progressed = () => false, onTrouble } = options;
  for (let failures = 0; ;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ArtifactError) || error.code !== 'unavailable') throw error;
      failures = progressed() ? 1 : failures + 1;
      const baseMs = Math.min(waits.firstMs * FACTOR ** (failures - 1), waits.longestMs);
      const retryMs = Math.round(baseMs * (1 + JITTER * (2 * Math.random() - 1)));
      onTrouble(error.message, retryMs);
      await sleep(retryMs, undefined, { signal });
    }
  }
}
