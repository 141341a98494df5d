import { blocksOfType, DENSE, formatBlock, isRemoved, makeMask } from '@blockpruner/blocks';
import type { BlockIndex, Mask } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';
import { decide } from './decide.ts';
import { checkProblem, isSolved, type SearchProblem } from './problem.ts';
import { SearchError } from './search-error.ts';
import type { Decision, Step, Strategy } from './strategy.ts';

/**
 * The paper's search (arXiv 2406.10594, algorithm 1): in each iteration every live block of the type is
 * scored on all rows, and the one whose removal hurts least goes. The dense model is scored with the first.
 * @throws SearchError when the problem has no solution
 */
export function exhaustiveSearch(problem: SearchProblem): Strategy {
  checkProblem(problem);
  const blocks = blocksOfType(problem.blockType, problem.shape.layerCount);

  return {
    step(decisions, cells) {
      const mask = maskOf(decisions, problem, blocks);
      if (isSolved(problem, mask)) return { kind: 'done' };
      const isFirst = decisions.length === 0;
      if (isFirst) checkDense(cells);
      const candidates = blocks.filter((block) => !isRemoved(mask, block));
      return (
        evaluateMissing(mask, candidates, isFirst, cells) ?? {
          kind: 'decide',
          decision: decide(
            decisions.length + 1,
            candidates.map((block) => ({
              block,
              score: cells.score(mask, block)!.score,
              rowCount: cells.rowCount,
            })),
          ),
        }
      );
    },
  };
}

function maskOf(decisions: readonly Decision[], problem: SearchProblem, blocks: readonly BlockIndex[]): Mask {
  const left = new Set(blocks);
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

/** A dense model without a finite score ends the search as soon as its cells are there. */
function checkDense(cells: CellTable): void {
  if (cells.rowCount === 0)
    throw new SearchError('there are no calibration rows to score: give at least one');
  const dense = cells.score(DENSE, null);
  if (dense === undefined || Number.isFinite(dense.score)) return;
  const row = dense.rows.findIndex((mean) => !Number.isFinite(mean));
  const where = row < 0 ? 'over all rows' : `first on row ${row}`;
  throw new SearchError(
    `the dense model's score is not finite (${dense.score}, ${where}): check the model's weights and its dtype`,
  );
}

function evaluateMissing(
  mask: Mask,
  candidates: readonly BlockIndex[],
  withBaseline: boolean,
  cells: CellTable,
): Step | undefined {
  const rows: number[] = [];
  const lacking = new Set<BlockIndex | null>();
  const wanted = withBaseline ? [...candidates, null] : candidates;
  for (let row = 0; row < cells.rowCount; row++) {
    const missing = wanted.filter((candidate) => !cells.has({ mask, candidate, row }));
    if (missing.length > 0) rows.push(row);
    for (const candidate of missing) lacking.add(candidate);
  }
  if (rows.length === 0) return undefined;
  const sweep = {
    base: mask,
    candidates: candidates.filter((block) => lacking.has(block)),
    baseline: lacking.has(null),
  };
  return { kind: 'evaluate', sweep, rows };
}
