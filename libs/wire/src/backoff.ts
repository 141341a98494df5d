/** The constants of gRPC's connection backoff. */
const INITIAL_MS = 1000;
const FACTOR = 1.6;
const MAX_MS = 120_000;
const JITTER = 0.2;

/**
 * How long to wait before dialling again: 1 s, growing by 1.6 to 120 s, each up to a fifth shorter or longer.
 * @param failures attempts that failed since the last success, at least 1
 * @param random from `[0, 1)`
 */
export function backoffMs(failures: number, random: number): number {
  const base = Math.min(INITIAL_MS * FACTOR ** (failures - 1), MAX_MS);
  return Math.round(base * (1 + JITTER * (2 * random - 1)));
}
