import { formatBlock, type BlockIndex } from './block.ts';
import { formatMask, isRemoved, type Mask } from './mask.ts';

/**
 * A base mask plus the candidates tried on top of it, each one block, evaluated together in one pass over
 * the model: the baseline walks the live blocks, candidate j forks from the baseline's residual stream just
 * before j and walks the rest.
 */
export interface Sweep {
  readonly base: Mask;
  /** Ascending; none of them in `base`. */
  readonly candidates: readonly BlockIndex[];
  /** Whether the base mask itself is scored too. */
  readonly baseline: boolean;
}

/** The part of a sweep whose candidates lie in boundaries `[start, end)`. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly candidates: readonly BlockIndex[];
}

/** @throws RangeError when a candidate is out of order, out of the model or already removed */
export function checkSweep(sweep: Sweep, blockCount: number): void {
  for (const block of [...sweep.base, ...sweep.candidates]) {
    if (!Number.isInteger(block) || block < 0 || block >= blockCount) {
      throw new RangeError(`block index ${block} is outside the model's ${blockCount} blocks`);
    }
  }
  sweep.candidates.forEach((block, i) => {
    if (isRemoved(sweep.base, block)) {
      throw new RangeError(`candidate ${formatBlock(block)} is already removed in ${formatMask(sweep.base)}`);
    }
    if (i > 0 && block <= sweep.candidates[i - 1]) {
      throw new RangeError(
        `candidates must ascend: ${formatBlock(block)} follows ${formatBlock(sweep.candidates[i - 1])}`,
      );
    }
  });
}

/** Cuts ascending candidates into segments of at most `maxCandidates`; each ends behind its last candidate. */
export function segmentsOf(candidates: readonly BlockIndex[], maxCandidates: number): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i < candidates.length; i += maxCandidates) {
    const part = candidates.slice(i, i + maxCandidates);
    segments.push({ start: part[0], end: part[part.length - 1] + 1, candidates: part });
  }
  return segments;
}
