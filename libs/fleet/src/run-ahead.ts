import type { Mask } from '@blockpruner/blocks';
import { cellKey, type CellId } from '@blockpruner/perplexity';
import type { Books } from './books.ts';
import { lotsOf } from './lot.ts';
import { cellsOf, sameBlocks, type Work } from './task.ts';

const NONE: ReadonlyMap<string, CellId> = new Map();

/** Divides what may be wanted next among the workers, in place of what was expected before. */
export function runAhead(books: Books, work: Work, isMissing: (id: CellId) => boolean, nowMs: number): void {
  if (books.ahead && sameBlocks(books.ahead.mask, work.base)) return;
  drop(books, nowMs);
  const lots = lotsOf(work, isMissing);
  const cells = lots.flatMap((lot) => cellsOf({ ...lot, rows: [lot.row] }));
  books.ahead = { mask: work.base, owed: new Map(cells.map((id) => [cellKey(id), id])), flops: 0 };
  books.dispatch.runAhead(lots, books.registry.ready(), work.base);
}

/**
 * Work on a mask is wanted now: what ran ahead for another is dropped.
 * @returns its cells that ran ahead, and are queued or in hands already, by key
 */
export function catchUp(books: Books, mask: Mask, nowMs: number): ReadonlyMap<string, CellId> {
  const { ahead, dispatch } = books;
  if (ahead === null || !sameBlocks(ahead.mask, mask)) {
    drop(books, nowMs);
    return NONE;
  }
  books.ahead = null;
  books.aheadFlops += ahead.flops;
  dispatch.catchUp();
  return ahead.owed;
}

function drop(books: Books, nowMs: number): void {
  const { ahead, dispatch, registry, leases } = books;
  if (ahead === null) return;
  books.ahead = null;
  dispatch.dropAhead();
  for (const { info } of registry.members()) {
    for (const open of leases.held(info.id))
      if (!open.isCheck && sameBlocks(open.task.base, ahead.mask)) books.cancel(info.id, open, nowMs);
  }
}
