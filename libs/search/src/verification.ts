import type { BlockIndex } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';
import { exhaustiveSearch } from './exhaustive.ts';
import { scoreSoFar } from './iteration.ts';
import { comparison, type Comparison } from './objective.ts';
import type { SearchProblem } from './problem.ts';
import type { Decision, Step } from './strategy.ts';

/** One decision beside the one that the exhaustive search makes at the same mask. Scores in nats, over all rows. */
export interface Finding {
  readonly iteration: number;
  readonly removed: BlockIndex;
  readonly score: number;
  /** What the exhaustive search removes. */
  readonly best: BlockIndex;
  readonly bestScore: number;
  /**
   * `score` minus `bestScore`, or under the objective `score-per-param` what they cost in score, nats per million
   * parameters; 0 where both are one block, and infinite where `score` is not finite.
   */
  readonly regretNats: number;
}

/** What a verification wants next: cells it lacks, or what it found. */
export type VerificationStep =
  Extract<Step, { readonly kind: 'evaluate' }> | { readonly kind: 'found'; readonly finding: Finding };

/**
 * Sets a decision of any strategy beside that of the exhaustive search, which scores every candidate of the iteration
 * on all rows. As a strategy does, it asks for the cells that are missing, and is called again once they are there.
 * @param decisions of the search, at least up to the iteration; what they removed before it is the mask
 * @param iteration from 1
 * @param confirmed candidates too close for the dtype of the run, of which the decision took the best in fp32. Scores
 *   of that dtype do not speak against a choice among them: it is the exhaustive search's too.
 * @throws SearchError as the exhaustive search does; RangeError when the search has no such iteration
 */
export function verifyDecision(
  problem: SearchProblem,
  decisions: readonly Decision[],
  iteration: number,
  cells: CellTable,
  confirmed: readonly BlockIndex[] = [],
): VerificationStep {
  const decision = decisions[iteration - 1];
  const step = exhaustiveSearch(problem).step(decisions.slice(0, iteration - 1), cells);
  if (decision === undefined || step.kind === 'done')
    throw new RangeError(`iteration ${iteration} of a search that made ${decisions.length} decisions`);
  if (step.kind === 'evaluate') return step;
  const before = decisions.slice(0, iteration - 1);
  const by = comparison(problem, scoreSoFar(before, problem, cells) ?? NaN);
  return { kind: 'found', finding: compare(decision, step.decision, confirmed, by) };
}

function compare(
  { iteration, removed }: Decision,
  exhaustive: Decision,
  confirmed: readonly BlockIndex[],
  { valueOf }: Comparison,
): Finding {
  const candidateOf = (of: BlockIndex) => exhaustive.candidates.find(({ block }) => block === of)!;
  const chosen = candidateOf(removed);
  const { score } = chosen;
  const isAmongClose = confirmed.includes(removed) && confirmed.includes(exhaustive.removed);
  const { removed: best, score: bestScore } = isAmongClose ? { removed, score } : exhaustive;
  const regretNats =
    best === removed ? 0 : Number.isFinite(score) ? valueOf(chosen) - valueOf(candidateOf(best)) : Infinity;
  return { iteration, removed, score, best, bestScore, regretNats };
}
