import { waitFor } from '@blockpruner/testkit';

/** Each look is a call of kubectl, which takes a good part of a second of a core. */
const LOOK_MS = 1000;

/** Waits for what a cluster does in its own time, as `waitFor` does, looking once a second. */
export function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 300_000): Promise<void> {
  return waitFor(condition, { timeoutMs, pollMs: LOOK_MS });
}
