import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Waits until the condition holds, asking every `pollMs`, by default 20.
 * @throws Error quoting the condition when it does not hold within `timeoutMs`
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs, pollMs = POLL_MS }: { timeoutMs: number; pollMs?: number },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) {
      const quoted = condition.toString().replace(/\s+/g, ' ').slice(0, 200);
      throw new Error(`not true after ${timeoutMs} ms: ${quoted}`);
    }
    await sleep(pollMs);
  }
}
