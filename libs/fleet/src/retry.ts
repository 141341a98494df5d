import { formatBlock, formatMask } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import { halveWork } from './cut.ts';
import type { FleetEvent } from './fleet-event.ts';
import { owedWork, type LostWorker, type OpenTask } from './open-task.ts';
import { cellCount, cellsOf, type Sizes, type Work } from './task.ts';

/** Losses after which a task is halved, to come closer to the cell that may be at fault. */
const LOSSES_TO_HALVE = 2;
/** Losses after which a task of one cell fails the run. */
const LOSSES_TO_FAIL = 3;
/** Longer masks are cut in the message, which is a last line of stderr. */
const MASK_TEXT_LENGTH = 80;

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
export function planRetry(sizes: Sizes, open: OpenTask, blamed: LostWorker | null, reason: string): Retry {
  const owed = owedWork(sizes, open);
  if (blamed === null) return { parts: owed, lost: open.lost, condemned: null };
  const lost = [...open.lost, { id: blamed.id, name: blamed.name }];
  if (lost.length < LOSSES_TO_HALVE) return { parts: owed, lost, condemned: null };
  const isSingle = owed.length === 1 && cellCount(owed[0]) === 1;
  return {
    parts: owed.flatMap((work) => halveWork(sizes, work) ?? [work]),
    lost,
    condemned:
      isSingle && lost.length >= LOSSES_TO_FAIL
        ? condemn(cellsOf(owed[0])[0], lost.slice(-LOSSES_TO_FAIL), reason)
        : null,
  };
}

function condemn(cell: CellId, lost: readonly LostWorker[], lastReason: string): Condemned {
  const mask = formatMask(cell.mask);
  const maskText =
    mask.length <= MASK_TEXT_LENGTH
      ? mask
      : `${mask.slice(0, MASK_TEXT_LENGTH)}… (${cell.mask.length} blocks removed)`;
  const candidate = cell.candidate === null ? 'the baseline' : `candidate ${formatBlock(cell.candidate)}`;
  const workers = lost.map(({ name }) => name);
  return {
    kind: 'cell-condemned',
    cell,
    workers,
    reason:
      `${candidate} on mask ${maskText}, row ${cell.row}, took down workers ${workers.join(', ')} ` +
      `(last: ${lastReason}): see their logs; more memory or shorter rows may help`,
  };
}
