import type { BlockIndex } from '@blockpruner/blocks';

/** The model is cut into at most so many parts; states are kept where two of them meet. */
const PARTS = 16;
/**
 * What it costs to pass a block that is not computed, as a part of computing it, times the hidden size: one copies the
 * stream, the other multiplies it by matrices. 6 was measured; a state is kept for one and a half iterations.
 */
const PASSING_COST = 4;

/** A boundary at which a stream's state may be kept for the next iteration. */
export interface StateBoundary {
  readonly boundary: BlockIndex;
  /** Blocks that the state is expected to save there, over what the worthier states of its stream save. */
  readonly worth: number;
}

/**
 * Where to keep states of a stream that forks at `start`, ascending. A state saves the blocks between the fork and its
 * boundary if the next block removed lies at the boundary or behind it, and if none of the same stream lies nearer to
 * that block. So the boundaries are chosen one by one, each time the one that adds most, while it adds more than the run
 * that stops there costs.
 */
export function stateBoundaries(blockCount: number, start: BlockIndex, hiddenSize: number): StateBoundary[] {
  const runCost = (blockCount * PASSING_COST) / hiddenSize;
  const chosen: StateBoundary[] = [];
  let free = partBoundaries(blockCount).filter((boundary) => boundary > start);
  let saved = 0;
  while (free.length > 0) {
    const [best] = free
      .map((boundary) => {
        const boundaries = [...chosen.map((each) => each.boundary), boundary];
        return { boundary, worth: expectedSaving(blockCount, start, boundaries) - saved };
      })
      .sort((a, b) => b.worth - a.worth);
    if (best.worth < runCost) break;
    chosen.push(best);
    saved += best.worth;
    free = free.filter((boundary) => boundary !== best.boundary);
  }
  return chosen.sort((a, b) => a.boundary - b.boundary);
}

function partBoundaries(blockCount: number): BlockIndex[] {
  const boundaries = Array.from({ length: PARTS - 1 }, (_, i) => Math.round(((i + 1) * blockCount) / PARTS));
  return [...new Set(boundaries)].filter((boundary) => boundary > 0 && boundary < blockCount);
}

/** Blocks that a candidate need not walk in the next iteration, with states of it at these boundaries. */
function expectedSaving(blockCount: number, start: BlockIndex, boundaries: readonly BlockIndex[]): number {
  const ascending = [...boundaries].sort((a, b) => a - b);
  return ascending.reduce((sum, boundary, i) => {
    const isNearest =
      shareBehind(blockCount, boundary) - shareBehind(blockCount, ascending[i + 1] ?? blockCount);
    return sum + (boundary - start) * isNearest;
  }, 0);
}

/**
 * How probable it is that the next block removed lies at a boundary or behind it. A search removes deep blocks first:
 * a block's chance is taken to grow linearly with its depth, which published removal orders follow well enough.
 */
function shareBehind(blockCount: number, boundary: BlockIndex): number {
  return 1 - (boundary / blockCount) ** 2;
}
