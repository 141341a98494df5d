import type { BlockIndex, Mask, Sweep } from '@blockpruner/blocks';
import { sameBlocks, type Work } from './task.ts';

interface Walks {
  readonly base: Mask;
  /** Row → where the walk stands. */
  readonly ends: Map<number, BlockIndex>;
}

/**
 * How far each worker has walked the baseline's residual stream along a row: it goes on from there. That is a guess, since
 * workers drop states as they like, and decides only what a task is taken to cost.
 */
export class BaselineWalks {
  private readonly blockCount: number;
  private readonly byWorker = new Map<string, Walks>();

  constructor(blockCount: number) {
    this.blockCount = blockCount;
  }

  /** Where the worker starts on a row of some work: the embedding, 0, where it has not walked it or gone past. */
  startOf(workerId: string, { base, candidates }: Sweep, row: number): BlockIndex {
    const walks = this.byWorker.get(workerId);
    const end = walks && sameBlocks(walks.base, base) ? (walks.ends.get(row) ?? 0) : 0;
    return end <= (candidates[0] ?? this.blockCount) ? end : 0;
  }

  given(workerId: string, { base, rows, candidates, baseline }: Work): void {
    let walks = this.byWorker.get(workerId);
    if (walks === undefined || !sameBlocks(walks.base, base)) {
      walks = { base, ends: new Map() };
      this.byWorker.set(workerId, walks);
    }
    const end = baseline ? this.blockCount : candidates[candidates.length - 1];
    for (const row of rows) walks.ends.set(row, end);
  }

  left(workerId: string): void {
    this.byWorker.delete(workerId);
  }
}
