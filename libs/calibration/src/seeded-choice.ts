import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Chooses `min(count, available)` of the indices `0 … available-1` without replacement, in seeded order:
 * a Fisher–Yates shuffle from the front, driven by xoroshiro128+. The order chosen is the order of rows in
 * everything after, and a smaller `count` with the same seed gives the beginning of a larger one.
 * @param seed an integer from 0 to 2^32-1
 */
export function chooseRows(available: number, count: number, seed: number): number[] {
  const random = xoroshiro128plus(seed);
  const indices = Array.from({ length: available }, (_, index) => index);
  const chosen = Math.min(count, available);
  for (let i = 0; i < chosen; i++) {
    const j = uniformInt(random, i, available - 1);
    [indices[i], indices[j]] = [indices[j], indices[i]];
  }
  return indices.slice(0, chosen);
}
