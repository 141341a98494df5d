import { setTimeout as sleep } from 'node:timers/promises';

/** Each look is a call of kubectl, which takes a good part of a second of a core. */
const LOOK_MS = 1000;

/**
 * Waits until the condition holds, looking once a second.
 * @throws Error quoting the condition when it does not hold within `timeoutMs`
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 300_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) {
      const quoted = condition.toString().replace(/\s+/g, ' ').slice(0, 200);
      throw new Error(`not true after ${timeoutMs} ms: ${quoted}`);
    }
    await sleep(LOOK_MS);
  }
}
