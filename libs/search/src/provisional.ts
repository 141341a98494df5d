import type { BlockIndex, Mask } from '@blockpruner/blocks';
import { rowWeights, type CellTable } from '@blockpruner/perplexity';
import { ranking } from './decide.ts';
import { candidatesOf, maskOf } from './iteration.ts';
import { comparison } from './objective.ts';
import type { SearchProblem } from './problem.ts';
import type { CandidateScore, Decision } from './strategy.ts';

/** Of the rows, so many must have a candidate's cell before it counts. */
const LEAST_SHARE = 0.5;

/**
 * Who leads while cells are still missing, the best first: by how much each candidate raises the loss of the rows that
 * have its cell, over the model as it is. A guess, for work that runs ahead of a decision; no decision is made of it.
 * @param decisions so far
 */
export function provisionalRanking(
  problem: SearchProblem,
  decisions: readonly Decision[],
  cells: CellTable,
): BlockIndex[] {
  const mask = maskOf(decisions, problem);
  const before = maskOf(decisions.slice(0, -1), problem);
  const removed = decisions.at(-1)?.removed ?? null;
  const present = (row: number): number | undefined =>
    cells.rowMean({ mask: before, candidate: removed, row });
  const rises = candidatesOf(problem, mask).flatMap((block) => riseSoFar(mask, block, cells, present) ?? []);
  return ranking(rises, comparison(problem, 0)).map(({ block }) => block);
}

/** By how much a candidate raises the loss, in place of its score. */
function riseSoFar(
  mask: Mask,
  block: BlockIndex,
  cells: CellTable,
  present: (row: number) => number | undefined,
): CandidateScore | undefined {
  const weights = rowWeights(cells.sets);
  let sum = 0;
  let weight = 0;
  let rowCount = 0;
  for (let row = 0; row < cells.rowCount; row++) {
    const mean = cells.rowMean({ mask, candidate: block, row });
    const reference = present(row);
    if (mean === undefined || reference === undefined) continue;
    sum += weights[row] * (mean - reference);
    weight += weights[row];
    rowCount++;
  }
  return rowCount > 0 && rowCount >= LEAST_SHARE * cells.rowCount
    ? { block, score: sum / weight, rowCount }
    : undefined;
}
