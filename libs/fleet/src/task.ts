import {
  baselineFlops,
  checkSweep,
  sweepFlops,
  type BlockIndex,
  type Mask,
  type ModelShape,
  type Sweep,
} from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';

/** A sweep over some rows (indices into the calibration set, ascending). */
export interface Work extends Sweep {
  readonly rows: readonly number[];
  /** Whether to compute in fp32, whatever the dtype of the workers' class. */
  readonly inFp32?: boolean;
}

/** Work that is sent, timed, retried and split as one. */
export interface Task extends Work {
  /** Never used twice: a reissued task gets a new one. */
  readonly id: string;
}

/** What the cost of work follows from. */
export interface Sizes {
  readonly shape: ModelShape;
  /** Length of each calibration row, tokens. */
  readonly rowTokens: readonly number[];
}

export function workFlops(sizes: Sizes, work: Work): number {
  return work.rows.reduce((sum, row) => sum + sweepFlops(sizes.shape, work, sizes.rowTokens[row]), 0);
}

/** @throws RangeError when the sweep or a row is not of this model and calibration set */
export function checkWork({ shape, rowTokens }: Sizes, work: Work): void {
  checkSweep(work, 2 * shape.layerCount);
  work.rows.forEach((row, i) => {
    if (!Number.isInteger(row) || row < 0 || row >= rowTokens.length || row <= (work.rows[i - 1] ?? -1)) {
      throw new RangeError(`rows must ascend from 0 to ${rowTokens.length - 1}: got ${row} at place ${i}`);
    }
  });
}

/** FLOPs of the cells alone, without the walk of a baseline that has no cell of its own. */
export function workCellFlops(sizes: Sizes, work: Work): number {
  const { shape, rowTokens } = sizes;
  return work.rows.reduce((sum, row) => {
    const withBaseline = sweepFlops(shape, { ...work, baseline: true }, rowTokens[row]);
    return sum + withBaseline - (work.baseline ? 0 : baselineFlops(shape, work.base, rowTokens[row]));
  }, 0);
}

/** The candidates of one row's cells, the baseline's as null behind them. */
export function cellCandidates(work: Pick<Sweep, 'candidates' | 'baseline'>): (BlockIndex | null)[] {
  return work.baseline ? [...work.candidates, null] : [...work.candidates];
}

export function cellCount(work: Work): number {
  return work.rows.length * (work.candidates.length + (work.baseline ? 1 : 0));
}

export function cellsOf(work: Work): CellId[] {
  const candidates = cellCandidates(work);
  return work.rows.flatMap((row) => candidates.map((candidate) => ({ mask: work.base, candidate, row })));
}

export function sameBlocks(a: Mask, b: Mask): boolean {
  return a.length === b.length && a.every((block, i) => block === b[i]);
}
