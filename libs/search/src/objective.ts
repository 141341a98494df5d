import { blockParameters, type BlockIndex } from '@blockpruner/blocks';
import type { RowWindows } from '@blockpruner/perplexity';
import type { SearchProblem } from './problem.ts';
import type { CandidateScore } from './strategy.ts';

/** Scores per parameter are given for a million of them: a block has so many. */
const PARAMETERS = 1e6;

type Ranked = Pick<SearchProblem, 'objective' | 'shape'>;

/**
 * What candidates are ranked by, the lowest being the best: under the objective `score` the score of the model without
 * the block, in nats; under `score-per-param` by how much that is above the score of the model so far, for each
 * million parameters that go with the block.
 * @param scoreSoFar of the model that the block is still in, nats
 */
export function rankedValue(
  { objective, shape }: Ranked,
  block: BlockIndex,
  score: number,
  scoreSoFar: number,
): number {
  if (objective !== 'score-per-param') return score;
  return ((score - scoreSoFar) / blockParameters(shape, block)) * PARAMETERS;
}

/** The same of one row, window by window: the mean over windows is that of the row. */
export function rankedWindows(
  problem: Ranked,
  block: BlockIndex,
  windows: RowWindows,
  windowsSoFar: RowWindows,
): RowWindows {
  return windows.map((nats, window) => rankedValue(problem, block, nats, windowsSoFar[window]));
}

/** How the candidates of one iteration compare. */
export interface Comparison {
  /** The lowest is the best. */
  readonly valueOf: (candidate: CandidateScore) => number;
  /** How far noise of so many nats in the difference of two scores moves the difference of these two's values. */
  readonly noiseOf: (a: BlockIndex, b: BlockIndex, noiseNats: number) => number;
}

/** By score alone, as in the paper. */
export const BY_SCORE: Comparison = { valueOf: ({ score }) => score, noiseOf: (_a, _b, noise) => noise };

/** How candidates compare in a search, `scoreSoFar` being the score of the model that they are still in. */
export function comparison(problem: Ranked, scoreSoFar: number): Comparison {
  if (problem.objective !== 'score-per-param') return BY_SCORE;
  return {
    valueOf: ({ block, score }) => rankedValue(problem, block, score, scoreSoFar),
    // Of errors e of the two and of the model so far, that of (a - now) / p - (b - now) / q with p <= q is
    // (a - b) / q + (a - now) (1 / p - 1 / q): at most the noise over the smaller block.
    noiseOf: (a, b, noiseNats) =>
      (noiseNats / Math.min(blockParameters(problem.shape, a), blockParameters(problem.shape, b))) *
      PARAMETERS,
  };
}
