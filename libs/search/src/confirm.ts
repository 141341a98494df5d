import { formatBlock, type BlockIndex } from '@blockpruner/blocks';
import { perplexityOf } from '@blockpruner/perplexity';
import { decide } from './decide.ts';
import { BY_SCORE, type Comparison } from './objective.ts';
import type { CandidateScore, Decision } from './strategy.ts';

/**
 * The candidates that scores with this much noise cannot tell from the winner: it, and those less than `noiseNats`
 * behind it on all rows. More than one of them: the decision may be the noise's.
 * @param decision by the scores of the dtype of the run
 * @param by what the decision was made by
 * @returns in execution order
 */
export function closeCandidates(
  decision: Decision,
  noiseNats: number,
  by: Comparison = BY_SCORE,
): BlockIndex[] {
  const { removed, candidates } = decision;
  const best = by.valueOf(scoreOf(decision, removed));
  return candidates
    .filter((candidate) => {
      if (candidate.block === removed) return true;
      if (candidate.dropped || !Number.isFinite(candidate.score)) return false;
      return by.valueOf(candidate) - best < by.noiseOf(removed, candidate.block, noiseNats);
    })
    .map(({ block }) => block);
}

/**
 * Chooses again among the close candidates, by their fp32 scores and the paper's rule. Runner-up and margin are then
 * those in fp32; the score stays that of the dtype of the run, so that it compares with all others of the run.
 * @param inFp32 the close candidates, in any order
 * @param by what the decision was made by
 * @param byInFp32 the same, of a model whose score so far is in fp32
 * @throws SearchError when none of them has a finite score in fp32
 */
export function confirmDecision(
  decision: Decision,
  noiseNats: number,
  inFp32: readonly CandidateScore[],
  by: Comparison = BY_SCORE,
  byInFp32: Comparison = by,
): Decision {
  const close = closeCandidates(decision, noiseNats, by);
  const scored = inFp32.map(({ block }) => block).sort((a, b) => a - b);
  if (scored.length !== close.length || close.some((block, i) => block !== scored[i])) {
    throw new RangeError(
      `iteration ${decision.iteration}: fp32 scores of ${scored.map(formatBlock).join(', ')} for the close ` +
        `candidates ${close.map(formatBlock).join(', ')}`,
    );
  }
  if (close.length === 1) return decision;
  const { removed, runnerUp, margin } = decide(decision.iteration, inFp32, byInFp32);
  const { score } = scoreOf(decision, removed);
  return { ...decision, removed, score, perplexity: perplexityOf(score), runnerUp, margin };
}

function scoreOf({ candidates }: Decision, block: BlockIndex): CandidateScore {
  return candidates.find((candidate) => candidate.block === block)!;
}
