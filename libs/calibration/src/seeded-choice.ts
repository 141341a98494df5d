import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Chooses `min(count, available)` of the indices `0 … available-1` without replacement, in seeded order:
 * a Fisher–Yates shuffle from the front, driven by xoroshiro128+. The order chosen is the order of rows in
 * everything after, and a smaller `count` with the same seed gives the beginning of a larger one. Memory follows
 * `count`, not `available`.
 * @param seed an integer from 0 to 2^32-1
 */
export function chooseRows(available: number, count: number, seed: number): number[] {
  const random = xoroshiro128plus(seed);
  /** Where the shuffled list differs from `0, 1, 2, …`. */
  const moved = new Map<number, number>();
  return Array.from({ length: Math.min(count, available) }, (_, i) => {
    const j = uniformInt(random, i, available - 1);
    const chosen = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    return chosen;
  });
}
