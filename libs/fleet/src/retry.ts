import type { CellId } from '@blockpruner/perplexity';
import { cellName } from './cell-name.ts';
import { halveWork } from './cut.ts';
import type { FleetEvent } from './fleet-event.ts';
import { owedWork, type LostWorker, type OpenTask } from './open-task.ts';
import { cellCount, cellsOf, type Work } from './task.ts';

/** Losses after which a task is halved, to come closer to the cell that may be at fault. */
export const LOSSES_TO_HALVE = 2;
/** Losses after which a task of one cell fails the run. */
const LOSSES_TO_FAIL = 3;

type Condemned = FleetEvent & { readonly kind: 'cell-condemned' };

/** What to queue in place of a task that was taken back, or the verdict on its only cell. */
interface Retry {
  readonly parts: readonly Work[];
  readonly lost: readonly LostWorker[];
  readonly condemned: Condemned | null;
}

/**
 * Plans the retry of what a task still owes.
 * @param blamed the worker whose loss or failure counts against the task, or null where none does
 */
export function planRetry(open: OpenTask, blamed: LostWorker | null, reason: string): Retry {
  const owed = owedWork(open);
  if (blamed === null) return { parts: owed, lost: open.lost, condemned: null };
  const lost = [...open.lost, { id: blamed.id, name: blamed.name }];
  if (lost.length < LOSSES_TO_HALVE) return { parts: owed, lost, condemned: null };
  const isSingle = owed.length === 1 && cellCount(owed[0]) === 1;
  return {
    parts: owed.flatMap((work) => halveWork(work) ?? [work]),
    lost,
    condemned:
      isSingle && lost.length >= LOSSES_TO_FAIL
        ? condemn(cellsOf(owed[0])[0], lost.slice(-LOSSES_TO_FAIL), reason)
        : null,
  };
}

function condemn(cell: CellId, lost: readonly LostWorker[], lastReason: string): Condemned {
  const workers = lost.map(({ name }) => name);
  return {
    kind: 'cell-condemned',
    cell,
    workers,
    reason:
      `${cellName(cell)}, took down workers ${workers.join(', ')} ` +
      `(last: ${lastReason}): see their logs; more memory or shorter rows may help`,
  };
}
