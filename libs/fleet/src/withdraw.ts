import { cellFlops } from '@blockpruner/blocks';
import { cellKey, type CellId } from '@blockpruner/perplexity';
import type { Books } from './books.ts';
import { owedWork, settle } from './open-task.ts';
import { cellsOf } from './task.ts';

/**
 * Cells that are owed and wanted no more are owed no longer. Those that wait are given to nobody; a task in hands is
 * finished by its worker unless all of it has become superfluous, and what it brings too much is not accepted.
 */
export function withdraw(books: Books, isWanted: (id: CellId) => boolean, nowMs: number): void {
  const { owed, registry, leases, dispatch } = books;
  const isGone = (id: CellId): boolean => owed.has(cellKey(id)) && !isWanted(id);
  const gone = dispatch.withdraw(isGone);
  for (const { info } of registry.members()) {
    for (const open of [...leases.held(info.id)]) {
      if (open.isCheck) continue;
      const superfluous = owedWork(open).flatMap(cellsOf).filter(isGone);
      for (const id of superfluous) settle(open, id);
      gone.push(...superfluous);
      if (superfluous.length === 0 || open.remaining.size > 0) continue;
      if (open.twin) open.twin.twin = null;
      open.twin = null;
      books.cancel(info.id, open, nowMs);
    }
  }
  for (const id of gone) forget(books, id);
}

/** @param id may come twice, of two tasks that are twins */
function forget({ owed, work, options }: Books, id: CellId): void {
  if (!owed.delete(cellKey(id))) return;
  const sweep = { base: id.mask, candidates: id.candidate === null ? [] : [id.candidate], baseline: false };
  work.withdrawn(cellFlops(options.shape, sweep, id.candidate, options.rowTokens[id.row]));
}
