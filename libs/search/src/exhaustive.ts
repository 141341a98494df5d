import type { BlockIndex, Mask } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';
import { decide } from './decide.ts';
import { candidatesOf, checkDense, denseStep, maskOf, scoreSoFar } from './iteration.ts';
import { comparison } from './objective.ts';
import { checkProblem, isSolved, type SearchProblem } from './problem.ts';
import type { Step, Strategy } from './strategy.ts';

/**
 * The paper's search (arXiv 2406.10594, algorithm 1): in each iteration every live block of the type is
 * scored on all rows, and the one whose removal hurts least goes. The dense model is scored with the first, and so is the
 * start mask where there is one.
 * @throws SearchError when the problem has no solution
 */
export function exhaustiveSearch(problem: SearchProblem): Strategy {
  checkProblem(problem);
  return {
    step(decisions, cells) {
      const mask = maskOf(decisions, problem);
      if (isSolved(problem, mask)) return { kind: 'done' };
      const isFirst = decisions.length === 0;
      if (isFirst) checkDense(problem, cells);
      const candidates = candidatesOf(problem, mask);
      return (
        (isFirst ? denseStep(problem, cells) : undefined) ??
        evaluateMissing(mask, candidates, isFirst, cells) ?? {
          kind: 'decide',
          decision: decide(
            decisions.length + 1,
            candidates.map((block) => ({
              block,
              score: cells.score(mask, block)!.score,
              rowCount: cells.rowCount,
            })),
            comparison(problem, scoreSoFar(decisions, problem, cells) ?? NaN),
          ),
        }
      );
    },
  };
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
  return { kind: 'evaluate', sweep, rows, laterRows: [] };
}
