import { setScores, type CellTable } from '@blockpruner/perplexity';
import type { BlockIndex, Mask } from '@blockpruner/blocks';
import { ranking } from './decide.ts';
import type { Decision } from './strategy.ts';

/** What one of several calibration sets says of a decision. */
export interface SetChoice {
  /** Score on this set alone of the model without the removed block, nats. */
  readonly score: number;
  /** The block that would have gone by this set alone. */
  readonly best: BlockIndex;
  /** How much lower the score on this set is without `best` than without the removed block, nats; 0 where it is that. */
  readonly gainNats: number;
}

/**
 * What each calibration set by itself would have chosen, among the candidates that were scored on all rows.
 * @param mask that the decision was made on
 * @returns in the order of the sets; undefined where there is one set, or the removed block was not scored on all rows
 */
export function setChoices(decision: Decision, mask: Mask, cells: CellTable): SetChoice[] | undefined {
  const { sets } = cells;
  if (sets.length === 1) return undefined;
  // Cells may be there that the decision was not made of: they say nothing here either.
  const whole = decision.candidates.filter(({ rowCount }) => rowCount === cells.rowCount);
  const scored = whole.map(({ block }) => ({
    block,
    scores: setScores(cells.rowMeans(mask, block)!, sets),
  }));
  const removed = scored.find(({ block }) => block === decision.removed);
  if (!removed) return undefined;
  return sets.map(({ rowCount }, set) => {
    const [best] = ranking(scored.map(({ block, scores }) => ({ block, score: scores[set], rowCount })));
    return { score: removed.scores[set], best: best.block, gainNats: removed.scores[set] - best.score };
  });
}
