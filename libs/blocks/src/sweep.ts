import { formatBlock, type BlockIndex } from './block.ts';
import { formatMask, isRemoved, type Mask } from './mask.ts';
import { formatUnit, isUnitStart, unitBlocks, unitEnd, type UnitKind } from './unit.ts';

/**
 * A base mask plus the candidates tried on top of it, each one unit, evaluated together in one pass over
 * the model: the baseline walks the live blocks, candidate j forks from the baseline's residual stream just
 * before j and walks what is behind it.
 */
export interface Sweep {
  readonly base: Mask;
  /** The first block of each candidate: ascending; none of their blocks in `base`. */
  readonly candidates: readonly BlockIndex[];
  /** What a candidate is; a block where absent. */
  readonly unit?: UnitKind;
  /** Whether the base mask itself is scored too. */
  readonly baseline: boolean;
}

/** What the candidates of a sweep are. */
export function unitOf(sweep: Sweep): UnitKind {
  return sweep.unit ?? 'block';
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
  const unit = unitOf(sweep);
  sweep.candidates.forEach((block, i) => {
    if (!isUnitStart(unit, block)) {
      throw new RangeError(`candidate ${formatBlock(block)} is not the first block of a ${unit}`);
    }
    if (unitBlocks(unit, block).some((each) => isRemoved(sweep.base, each))) {
      throw new RangeError(
        `candidate ${formatUnit(unit, block)} is already removed in ${formatMask(sweep.base)}`,
      );
    }
    if (i > 0 && block <= sweep.candidates[i - 1]) {
      throw new RangeError(
        `candidates must ascend: ${formatBlock(block)} follows ${formatBlock(sweep.candidates[i - 1])}`,
      );
    }
  });
}

/** Cuts a sweep's candidates into segments of at most `maxCandidates`; each ends behind its last candidate. */
export function segmentsOf(sweep: Sweep, maxCandidates: number): Segment[] {
  const { candidates } = sweep;
  const segments: Segment[] = [];
  for (let i = 0; i < candidates.length; i += maxCandidates) {
    const part = candidates.slice(i, i + maxCandidates);
    segments.push({ start: part[0], end: unitEnd(unitOf(sweep), part[part.length - 1]), candidates: part });
  }
  return segments;
}
