import {
  blocksOfType,
  DENSE,
  formatBlock,
  formatMask,
  isAbsent,
  isRemoved,
  makeMask,
} from '@blockpruner/blocks';
import type { BlockIndex, Mask, ModelShape } from '@blockpruner/blocks';
import type { CellId, CellTable } from '@blockpruner/perplexity';
import type { SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';
import type { Decision, Step } from './strategy.ts';

/** What it takes to say which blocks may go. */
export type Candidacy = Pick<SearchProblem, 'blockType' | 'keep'> & {
  readonly shape: Pick<ModelShape, 'layerCount' | 'absentBlocks'>;
};

/** Blocks that may go next, in execution order. */
export function candidatesOf({ blockType, shape, keep = [] }: Candidacy, mask: Mask): BlockIndex[] {
  return blocksOfType(blockType, shape.layerCount).filter(
    (block) => !isAbsent(shape, block) && !isRemoved(mask, block) && !keep.includes(block),
  );
}

/** What is gone before the first decision. */
export function startOf({ start = DENSE }: Pick<SearchProblem, 'start'>): Mask {
  return start;
}

/**
 * What is removed after these decisions, the start mask included.
 * @throws SearchError when they are of another search
 */
export function maskOf(decisions: readonly Decision[], problem: SearchProblem): Mask {
  const start = startOf(problem);
  const left = new Set(candidatesOf(problem, start));
  for (const { iteration, removed } of decisions) {
    if (!left.delete(removed)) {
      throw new SearchError(
        `iteration ${iteration} removed ${formatBlock(removed)}, which is no live block of block type ` +
          `${problem.blockType} there: these decisions belong to another search`,
      );
    }
  }
  return makeMask([...start, ...decisions.map(({ removed }) => removed)]);
}

/** Where an iteration stands: its mask, and which candidate of which mask that model is. */
export interface Stage {
  readonly mask: Mask;
  /** Null: the mask itself was scored. */
  readonly present: Pick<CellId, 'mask' | 'candidate'>;
}

/** Where the iteration after these decisions stands. */
export function stageOf(decisions: readonly Decision[], problem: SearchProblem): Stage {
  const mask = maskOf(decisions, problem);
  const last = decisions.at(-1);
  const present = last
    ? { mask: maskOf(decisions.slice(0, -1), problem), candidate: last.removed }
    : { mask, candidate: null };
  return { mask, present };
}

/**
 * The score of the model that the candidates of the next iteration are still in, nats.
 * @param cells hold those of the start mask on all rows
 */
export function scoreSoFar(
  decisions: readonly Decision[],
  problem: SearchProblem,
  cells: CellTable,
): number | undefined {
  return decisions.at(-1)?.score ?? cells.score(startOf(problem), null)?.score;
}

/** Asks for the cells of the dense model, where a search does not begin with it, until they are there. */
export function denseStep(problem: SearchProblem, cells: CellTable): Step | undefined {
  if (startOf(problem).length === 0) return undefined;
  const rows = Array.from({ length: cells.rowCount }, (_, row) => row).filter(
    (row) => !cells.has({ mask: DENSE, candidate: null, row }),
  );
  if (rows.length === 0) return undefined;
  return { kind: 'evaluate', sweep: { base: DENSE, candidates: [], baseline: true }, rows, laterRows: [] };
}

/**
 * A dense model without a finite score, or a start mask, ends the search as soon as its cells are there.
 * @throws SearchError that names the first row without one; when there are no rows
 */
export function checkDense(problem: SearchProblem, cells: CellTable): void {
  if (cells.rowCount === 0)
    throw new SearchError('there are no calibration rows to score: give at least one');
  checkBaseline(DENSE, "the dense model's score", cells);
  const start = startOf(problem);
  if (start.length > 0) checkBaseline(start, `the score of the start mask ${formatMask(start)}`, cells);
}

function checkBaseline(mask: Mask, what: string, cells: CellTable): void {
  for (let row = 0; row < cells.rowCount; row++) {
    const mean = cells.rowMean({ mask, candidate: null, row });
    if (mean === undefined || Number.isFinite(mean)) continue;
    throw new SearchError(
      `${what} is not finite (${mean}, first on row ${row}): check the model's weights and its dtype`,
    );
  }
}
