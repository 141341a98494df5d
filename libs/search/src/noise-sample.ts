import type { BlockIndex } from '@blockpruner/blocks';
import { ranking } from './decide.ts';
import type { CandidateScore } from './strategy.ts';

/** Enough that the spread of their errors is some two standard deviations of an error of a margin. */
export const NOISE_CANDIDATES = 8;
/** The mean over more rows has less noise, not more: two are on the safe side, and cost little. */
export const NOISE_ROWS = 2;

/**
 * The candidates whose scores tell how much noise a dtype makes: the best one, and others at equal steps through the
 * better half of the ranking. The worse half is of broken models, whose errors are larger and which nobody chooses.
 * @returns in execution order
 */
export function noiseSample(candidates: readonly CandidateScore[]): BlockIndex[] {
  const ranked = ranking(candidates);
  const better = ranked.slice(0, Math.max(NOISE_CANDIDATES, Math.ceil(ranked.length / 2)));
  const count = Math.min(NOISE_CANDIDATES, better.length);
  const step = (better.length - 1) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, i) => better[Math.round(i * step)].block).sort((a, b) => a - b);
}
