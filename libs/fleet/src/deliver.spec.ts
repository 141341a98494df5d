import { cellKey } from '@blockpruner/perplexity';
import { expect, it } from 'vitest';
import { cellOf, denseWork, shapeOf, workerOf } from '../test/tiny-fleet.ts';
import { Books } from './books.ts';
import { deliver } from './deliver.ts';
import { openTask, settle } from './open-task.ts';
import { cellsOf } from './task.ts';

it('takes nothing more from a worker that a message convicts, the rest of that message included', () => {
  const rowTokens = [32];
  const limits = { leaseMs: 1000, heartbeatTimeoutMs: 300, maxTasksPerWorker: 2 };
  const books = new Books({ shape: shapeOf(4), rowTokens, ...limits });
  for (const id of ['x', 'y', 'z']) {
    books.registry.join(workerOf(id), 0);
    books.registry.loaded(books.registry.get(id)!);
  }
  const work = { ...denseWork(4, 1), candidates: [3, 4], baseline: false };
  const [third, fourth] = cellsOf(work).map((id) => cellOf(id));
  const open = openTask('t1', work);
  books.owed.add(cellKey(fourth));
  books.checks.begin([]);
  books.checks.accepted(third, workerOf('y'), 'block'); // from a copy of the task
  expect(books.checks.compare(third, workerOf('z')).kind).toBe('equal');
  settle(open, third);
  books.leases.grant('x', open, 0);

  const wrong = { ...third, windowSums: third.windowSums.map((sum) => sum + 1) };
  const { accepted, events } = deliver(books, books.registry.get('x')!, open, true, [wrong, fourth]);
  expect(accepted).toEqual([]);
  expect(events.map(({ kind }) => kind)).toEqual(['worker-convicted', 'task-reissued']);
  expect(books.owed.has(cellKey(fourth))).toBe(true);
});
