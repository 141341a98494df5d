import {
  blockFlops,
  blockKind,
  blocksOfType,
  headFlops,
  isAbsent,
  isRemoved,
  removedParameters,
  type BlockIndex,
  type BlockKind,
  type Mask,
  type ModelShape,
} from '@blockpruner/blocks';
import { expectedEvaluations, type Bounds } from './expected-evaluations.ts';
import { candidatesOf, startOf } from './iteration.ts';
import { isSolved, type SearchProblem } from './problem.ts';

/**
 * FLOPs of each iteration of an exhaustive search that is left, the next one first: those of one sweep over all rows.
 * Of the next iteration they are exact. Of the later ones they are the mean over all blocks that may be gone by then,
 * every live one alike; for a goal in parameters, so many iterations as mean live blocks are needed. A limit is not
 * thought of: it may end the search earlier.
 * @param removed the blocks removed so far, with the start mask
 */
export function remainingFlops(
  problem: SearchProblem,
  removed: Mask,
  rowTokens: readonly number[],
): number[] {
  const { live, isCandidate, flopsOf, head } = costs(problem, removed, rowTokens);
  const candidates = live.filter(isCandidate);
  const count = candidates.length;
  const last = candidates[count - 1];
  // Of blocks that may go and of those that stay: once for each candidate before them, and once for the baseline.
  const forked = { mayGo: 0, stays: 0 };
  const walked = { mayGo: 0, stays: 0 };
  let forks = 0;
  for (const block of live) {
    const kind = isCandidate(block) ? 'mayGo' : 'stays';
    forked[kind] += forks * flopsOf(block);
    if (block < last) walked[kind] += flopsOf(block);
    if (kind === 'mayGo') forks++;
  }
  const start = startOf(problem);
  const startPass = live.reduce((sum, block) => sum + flopsOf(block), head);
  const densePass = start.length > 0 ? start.reduce((sum, block) => sum + flopsOf(block), startPass) : 0;
  const isFirst = removed.length === start.length;
  return Array.from({ length: removalsLeft(problem, removed, candidates) }, (_, gone) => {
    const left = count - gone;
    const isLive = left / count;
    const isOtherLive = count > 1 ? (left - 1) / (count - 1) : 0; // where another one is known to be
    const baseline =
      isFirst && gone === 0 ? startPass + densePass : walked.mayGo * isOtherLive + walked.stays;
    return isLive * (forked.mayGo * isOtherLive + forked.stays) + left * head + baseline;
  });
}

/**
 * Bounds on the FLOPs of an exhaustive search, whichever blocks go: for each iteration the sum is over the cheapest,
 * or the dearest, model that may be left.
 * @throws SearchError as `checkProblem` does
 */
export function expectedFlops(problem: SearchProblem, rowTokens: readonly number[]): Bounds {
  const { iterations } = expectedEvaluations(problem);
  const [first] = remainingFlops(problem, startOf(problem), rowTokens);
  const total = (count: number, better: (a: number, b: number) => number, worst: number): number => {
    const byCandidates = extremeFlops(problem, rowTokens, better, worst);
    return byCandidates.slice(-count, -1).reduce((sum, flops) => sum + flops, first);
  };
  return {
    least: total(iterations.least, Math.min, Number.POSITIVE_INFINITY),
    most: total(iterations.most, Math.max, Number.NEGATIVE_INFINITY),
  };
}

/**
 * The least or the greatest FLOPs of a sweep without baseline, by the number of candidates that are left, from none to
 * all. Block by block, the best way to have `n` candidates so far is known: a block costs itself once for each of them,
 * and once more for the baseline's walk while a candidate is still to come.
 */
function extremeFlops(
  problem: SearchProblem,
  rowTokens: readonly number[],
  better: (a: number, b: number) => number,
  worst: number,
): number[] {
  const { live, isCandidate, flopsOf, head } = costs(problem, startOf(problem), rowTokens);
  const size = live.filter(isCandidate).length + 1;
  /** With candidates still to come, and without; by the number of candidates so far. */
  const open = Array.from({ length: size }, (_, count) => (count === 0 ? 0 : worst));
  const closed = new Array<number>(size).fill(worst);
  for (const block of live) {
    const flops = flopsOf(block);
    if (isCandidate(block)) {
      for (let count = size - 1; count > 0; count--) {
        closed[count] = better(closed[count], open[count - 1] + (count - 1) * flops);
        open[count] = better(open[count], open[count - 1] + count * flops);
      }
    } else {
      for (let count = 0; count < size; count++) {
        closed[count] += count * flops;
        open[count] += (count + 1) * flops;
      }
    }
  }
  return closed.map((flops, count) => flops + count * head);
}

interface Costs {
  /** Blocks that are not removed, in execution order. */
  readonly live: readonly BlockIndex[];
  readonly isCandidate: (block: BlockIndex) => boolean;
  /** Of a block on all rows. */
  readonly flopsOf: (block: BlockIndex) => number;
  /** Of the head on all rows. */
  readonly head: number;
}

function costs(problem: SearchProblem, removed: Mask, rowTokens: readonly number[]): Costs {
  const { shape } = problem;
  const candidates = new Set(candidatesOf(problem, removed));
  const onRows = (flops: (shape: ModelShape, tokens: number) => number): number =>
    rowTokens.reduce((sum, tokens) => sum + flops(shape, tokens), 0);
  const ofKind: Record<BlockKind, number> = {
    mha: onRows((of, tokens) => blockFlops({ ...of, absentBlocks: [] }, 0, tokens)),
    mlp: onRows((of, tokens) => blockFlops({ ...of, absentBlocks: [] }, 1, tokens)),
  };
  return {
    live: blocksOfType('mix', shape.layerCount).filter(
      (block) => !isAbsent(shape, block) && !isRemoved(removed, block),
    ),
    isCandidate: (block) => candidates.has(block),
    flopsOf: (block) => ofKind[blockKind(block)],
    head: onRows(headFlops),
  };
}

function removalsLeft(problem: SearchProblem, removed: Mask, candidates: readonly BlockIndex[]): number {
  const { shape, stop } = problem;
  if (isSolved(problem, removed)) return 0;
  if (stop.kind === 'remove') return stop.count - (removed.length - startOf(problem).length);
  if (stop.kind === 'all') return candidates.length;
  const goal =
    stop.kind === 'ratio' ? stop.ratio * shape.totalParameters : shape.totalParameters - stop.parameters;
  const needed = goal - removedParameters(shape, removed);
  const mean = removedParameters(shape, candidates) / candidates.length;
  return Math.min(candidates.length, Math.max(1, Math.ceil(needed / mean)));
}
