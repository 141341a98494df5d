import { cellFlops, unitOf } from '@blockpruner/blocks';
import { cellKey, type Cell } from '@blockpruner/perplexity';
import type { Books } from './books.ts';
import { cellName } from './cell-name.ts';
import { FleetError } from './fleet-error.ts';
import type { FleetEvent } from './fleet-event.ts';
import { cellFault, owes, settle, type OpenTask } from './open-task.ts';
import type { Member } from './registry.ts';
import { isSampled } from './sample.ts';
import { convict } from './take-back.ts';

/** What became of delivered cells. */
export interface Delivery {
  /** Whether the task is one to compute in fp32, whatever the class. */
  readonly inFp32: boolean;
  /** First values: to be stored. */
  readonly accepted: Cell[];
  /** Values that replace those stored before, which were found to be wrong. */
  readonly corrected: Cell[];
  readonly events: FleetEvent[];
}

/**
 * Takes cells of a task.
 * @param isHeld whether the worker still holds it: else nothing of it is owed any more, and its cells are compared
 */
export function deliver(
  books: Books,
  member: Member,
  open: OpenTask,
  isHeld: boolean,
  cells: readonly Cell[],
): Delivery {
  const { inFp32 = false } = open.task;
  const delivery: Delivery = { inFp32, accepted: [], corrected: [], events: [] };
  const faults: string[] = [];
  for (const cell of cells) {
    if (books.registry.get(member.info.id) !== member) break; // a cell before has convicted it: the rest is nobody's
    const fault = cellFault(books.options, open, cell);
    if (fault !== null) faults.push(fault);
    else if (isHeld && !open.isCheck && owes(open, cell)) {
      accept(books, member, open, cell);
      delivery.accepted.push(cell);
    } else {
      if (isHeld) settle(open, cell);
      if (!open.isCheck) books.counters.duplicateCells++;
      if (!inFp32) compare(books, member, cell, delivery);
    }
  }
  member.cellCount += delivery.accepted.length;
  if (faults.length > 0) {
    const reason = `${faults.length} cells ignored, first ${faults[0]}`;
    delivery.events.push(books.fault(member.info.id, open.task.id, reason));
  }
  return delivery;
}

function accept(books: Books, { info }: Member, open: OpenTask, cell: Cell): void {
  const { blockCount, options, dispatch, checks } = books;
  const { shape, rowTokens, checkedShare = 0, seed = 0 } = options;
  settle(open, cell);
  const tokens = rowTokens[cell.row];
  const flops = cellFlops(shape, open.task, cell.candidate, tokens);
  if (books.owed.delete(cellKey(cell))) books.work.delivered(tokens, flops);
  else if (books.ahead?.owed.delete(cellKey(cell))) books.ahead.flops += flops;
  dispatch.places.computed(info.id, cell.row, (cell.candidate ?? blockCount) / (blockCount + 1));
  if (open.task.inFp32) return; // of another precision than what comes later
  checks.accepted(cell, info, unitOf(open.task));
  if (isSampled(cell, checkedShare, seed)) books.check([cell]);
}

/** @throws FleetError where three workers give three values, or a decision was made of a wrong one */
function compare(books: Books, { info }: Member, cell: Cell, { corrected, events }: Delivery): void {
  const { checks, counters } = books;
  const isDecided = checks.isDecided(cell);
  const comparison = checks.compare(cell, info);
  switch (comparison.kind) {
    case 'incomparable':
      return;
    case 'equal':
      counters.confirmedCells++;
      return;
    case 'differs': {
      counters.divergentCells++;
      const [first, second] = comparison.workers;
      const reason = `${cellName(cell)}: workers ${first.name} and ${second.name} computed different values`;
      events.push({ kind: 'cells-differ', cell, workerIds: [first.id, second.id], reason });
      if (isDecided)
        throw new FleetError({ ...used(reason), cell, workers: [first.name, second.name] }, events);
      books.check([cell]);
      return;
    }
    case 'verdict':
      events.push(...convict(books, comparison.liar, cell));
      if (comparison.isCorrected) corrected.push(comparison.cell);
      return;
    case 'replaced':
      corrected.push(comparison.cell);
      return;
    case 'unreproducible': {
      const workers = comparison.workers.map(({ name }) => name);
      const reason =
        `${cellName(cell)}: workers ${workers.join(', ')} computed three different values: ` +
        `see to their hardware, and start workers on other machines`;
      throw new FleetError({ reason, cell, workers }, events);
    }
  }
}

function used(reason: string): { reason: string } {
  return {
    reason: `${reason}, and a decision was made of it: start a new run, without the one that is wrong`,
  };
}
