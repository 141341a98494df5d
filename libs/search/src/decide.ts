import { compareTie, formatBlock } from '@blockpruner/blocks';
import { perplexityOf } from '@blockpruner/perplexity';
import { BY_SCORE, type Comparison } from './objective.ts';
import { SearchError } from './search-error.ts';
import type { CandidateScore, Decision } from './strategy.ts';

/** The candidates with a finite score from the best on, ties in the paper's order. */
export function ranking(
  candidates: readonly CandidateScore[],
  { valueOf }: Comparison = BY_SCORE,
): CandidateScore[] {
  return candidates
    .filter(({ score }) => Number.isFinite(score))
    .sort((a, b) => valueOf(a) - valueOf(b) || compareTie(a.block, b.block));
}

/**
 * The paper's choice: the strictly lowest score, or value of another objective, ties in the paper's order. Non-finite
 * scores never win.
 * @param candidates in execution order
 * @throws SearchError when no candidate has a finite score
 */
export function decide(
  iteration: number,
  candidates: readonly CandidateScore[],
  by: Comparison = BY_SCORE,
): Decision {
  const ranked = ranking(candidates, by);
  if (ranked.length === 0) {
    const first = candidates[0];
    throw new SearchError(
      `iteration ${iteration}: none of the ${candidates.length} candidates has a finite score, the first being ` +
        `${formatBlock(first.block)} with ${first.score}: remove fewer blocks, or check the model's weights`,
    );
  }
  const [winner, runnerUp = null] = ranked;
  return {
    iteration,
    removed: winner.block,
    score: winner.score,
    perplexity: perplexityOf(winner.score),
    runnerUp: runnerUp && runnerUp.block,
    margin: runnerUp && by.valueOf(runnerUp) - by.valueOf(winner),
    candidates,
  };
}
