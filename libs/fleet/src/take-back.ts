import type { CellId } from '@blockpruner/perplexity';
import type { Books } from './books.ts';
import { cellName } from './cell-name.ts';
import type { Computer } from './checks.ts';
import { FleetError } from './fleet-error.ts';
import type { FleetEvent, Leaving } from './fleet-event.ts';
import type { LostWorker, OpenTask } from './open-task.ts';

/**
 * A worker goes, and what it owes is queued again.
 * @param isStuck whether it held its task and delivered nothing, which counts however often it did so
 */
export function dropWorker(
  books: Books,
  workerId: string,
  how: Leaving,
  reason: string,
  isStuck = false,
): FleetEvent[] {
  const { registry, counters } = books;
  const worker = registry.get(workerId)!.info;
  registry.remove(workerId);
  if (how === 'lost') counters.workersLost++;
  return [
    { kind: 'worker-left', workerId, how, reason },
    ...takeAll(books, worker.id, how === 'lost' ? worker : null, reason, isStuck),
  ];
}

/** Takes a task out of its worker's hands. */
export function giveUp(
  books: Books,
  workerId: string,
  open: OpenTask,
  reason: string,
  nowMs: number,
  isBlamed: boolean,
): FleetEvent[] {
  books.leases.release(workerId, open, nowMs);
  const worker = books.registry.get(workerId)!.info;
  return [
    { kind: 'task-failed', workerId, taskId: open.task.id, reason },
    ...reissue(books, open, isBlamed ? worker : null, reason),
  ];
}

/**
 * A worker gave a number that two others contradict: it goes for good, and the cells that only it has vouched for are
 * computed again.
 */
export function convict(books: Books, liar: Computer, cell: CellId): FleetEvent[] {
  const { registry, checks } = books;
  const decided = checks.decidedCount(liar.id);
  const reason =
    `worker ${liar.name} computed ${cellName(cell)} differently from two others of its numeric class: see to its ` +
    `memory and its device` +
    (decided === 0 ? '' : `; ${decided} cells of the decision before are its alone`);
  const isThere = registry.get(liar.id) !== undefined;
  registry.ban(liar.id, reason);
  const events: FleetEvent[] = [{ kind: 'worker-convicted', workerId: liar.id, cell, reason }];
  if (isThere) events.push(...takeAll(books, liar.id, null, reason));
  checks.suspect(liar.id);
  return events;
}

/** Queues what a task still owes. */
export function reissue(
  books: Books,
  open: OpenTask,
  blamed: LostWorker | null,
  reason: string,
): FleetEvent[] {
  const events = books.dispatch.reissue(open, blamed, reason);
  if (events.length > 0) books.counters.retries++;
  return events;
}

/** @throws FleetError where one of the events condemns a cell */
export function conclude(events: FleetEvent[]): FleetEvent[] {
  const condemned = events.find((event) => event.kind === 'cell-condemned');
  if (condemned) throw new FleetError(condemned, events);
  return events;
}

function takeAll(
  books: Books,
  workerId: string,
  blamed: LostWorker | null,
  reason: string,
  isStuck = false,
): FleetEvent[] {
  const { leases, dispatch, checks, registry } = books;
  const running = leases.running(workerId);
  const events: FleetEvent[] = [];
  for (const open of leases.takeAll(workerId).toReversed()) {
    const counts = open === running && (isStuck || !open.lost.some(({ id }) => id === workerId));
    events.push(...reissue(books, open, counts ? blamed : null, reason));
  }
  dispatch.left(workerId);
  books.refresh(workerId);
  const dropped = checks.dropUncheckable(registry.ready());
  if (dropped > 0)
    events.push({
      kind: 'checks-dropped',
      cellCount: dropped,
      reason: 'no other worker of their class is there',
    });
  return events;
}
