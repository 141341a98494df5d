import { blocksOfType, DENSE, formatBlock, isRemoved, makeMask } from '@blockpruner/blocks';
import type { BlockIndex, Mask } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';
import type { SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';
import type { Decision } from './strategy.ts';

/** Blocks that may go next, in execution order. */
export function candidatesOf({ blockType, shape }: SearchProblem, mask: Mask): BlockIndex[] {
  return blocksOfType(blockType, shape.layerCount).filter((block) => !isRemoved(mask, block));
}

/**
 * What is removed after these decisions.
 * @throws SearchError when they are of another search
 */
export function maskOf(decisions: readonly Decision[], problem: SearchProblem): Mask {
  const left = new Set(candidatesOf(problem, DENSE));
  for (const { iteration, removed } of decisions) {
    if (!left.delete(removed)) {
      throw new SearchError(
        `iteration ${iteration} removed ${formatBlock(removed)}, which is no live block of block type ` +
          `${problem.blockType} there: these decisions belong to another search`,
      );
    }
  }
  return makeMask(decisions.map(({ removed }) => removed));
}

/**
 * A dense model without a finite score ends the search as soon as its cells are there.
 * @throws SearchError that names the first row without one; when there are no rows
 */
export function checkDense(cells: CellTable): void {
  if (cells.rowCount === 0)
    throw new SearchError('there are no calibration rows to score: give at least one');
  for (let row = 0; row < cells.rowCount; row++) {
    const mean = cells.rowMean({ mask: DENSE, candidate: null, row });
    if (mean === undefined || Number.isFinite(mean)) continue;
    throw new SearchError(
      `the dense model's score is not finite (${mean}, first on row ${row}): check the model's weights and its dtype`,
    );
  }
}
