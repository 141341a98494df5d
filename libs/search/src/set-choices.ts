import type { BlockIndex } from '@blockpruner/blocks';
import { setScores, type CellTable } from '@blockpruner/perplexity';
import { ranking } from './decide.ts';
import { stageOf } from './iteration.ts';
import { comparison } from './objective.ts';
import type { SearchProblem } from './problem.ts';
import type { Decision } from './strategy.ts';

/** What one of several calibration sets says of a decision. */
export interface SetChoice {
  /** Score on this set alone of the model without the removed block, nats. */
  readonly score: number;
  /** The block that would have gone by this set alone. */
  readonly best: BlockIndex;
  /**
   * How much lower the score on this set is without `best` than without the removed block, nats; under the objective
   * `score-per-param` what they cost in score, nats per million parameters. 0 where it is that block.
   */
  readonly gainNats: number;
}

/**
 * What each calibration set by itself would have chosen, among the candidates that were scored on all rows.
 * @param before the decisions before it
 * @returns in the order of the sets; undefined where there is one set, or the removed block was not scored on all rows
 */
export function setChoices(
  problem: SearchProblem,
  before: readonly Decision[],
  decision: Decision,
  cells: CellTable,
): SetChoice[] | undefined {
  const { sets } = cells;
  if (sets.length === 1) return undefined;
  const { mask, present } = stageOf(before, problem);
  const means = cells.rowMeans(present.mask, present.candidate);
  const soFar = means && setScores(means, sets);
  // Cells may be there that the decision was not made of: they say nothing here either.
  const whole = decision.candidates.filter(({ rowCount }) => rowCount === cells.rowCount);
  const scored = whole.map(({ block }) => ({
    block,
    scores: setScores(cells.rowMeans(mask, block)!, sets),
  }));
  const removed = scored.find(({ block }) => block === decision.removed);
  if (!removed) return undefined;
  return sets.map(({ rowCount }, set) => {
    const by = comparison(problem, soFar?.[set] ?? NaN);
    const onSet = ({ block, scores }: typeof removed) => ({ block, score: scores[set], rowCount });
    const [best] = ranking(scored.map(onSet), by);
    const gainNats = by.valueOf(onSet(removed)) - by.valueOf(best);
    return { score: removed.scores[set], best: best.block, gainNats };
  });
}
