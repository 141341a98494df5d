import { describe, expect, it } from 'vitest';
import { always, denseWork, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';
import type { FleetEvent } from './fleet-event.ts';
import { FleetError } from './fleet-error.ts';
import type { Fleet } from './fleet.ts';
import type { Task } from './task.ts';

function enlist(fleet: Fleet, id: string, nowMs = 0): void {
  fleet.join(workerOf(id), nowMs);
  fleet.ready(id, nowMs, PEAK);
}

/** A worker of this speed gets whole rows as its first task. */
const PEAK = 2e8;

const kinds = (events: readonly FleetEvent[]) => events.map(({ kind }) => kind);
const tasksOf = (fleet: Fleet, id: string): Task[] =>
  fleet
    .assignments(0)
    .assignments.filter(({ workerId }) => workerId === id)
    .map(({ task }) => task);
const ONE_CELL = { ...denseWork(4, 1), candidates: [3], baseline: false };

describe('draining', () => {
  function draining() {
    const fleet = tinyFleet();
    enlist(fleet, 'a');
    fleet.submit(denseWork(4, 8), always, 0);
    const [first, second] = tasksOf(fleet, 'a');
    const cells = taskCells(first);
    fleet.cells('a', first.id, cells.slice(0, 3), 1);
    const events = fleet.drain('a', first.id, 'terminated', 2);
    return { fleet, first, second, cells, events };
  }

  it('leaves the task in hand, queues the others first, and gives no more', () => {
    const { fleet, first, second, events } = draining();
    expect(events).toMatchObject([
      { kind: 'worker-draining', workerId: 'a', taskId: first.id, reason: 'terminated' },
      { kind: 'task-reissued', taskId: second.id, lostWorkers: 0 },
    ]);
    expect(fleet.assignments(2).assignments).toEqual([]);
    expect(fleet.ready('a', 2)).toEqual([]);
    expect(fleet.assignments(2).assignments).toEqual([]);
    enlist(fleet, 'b', 2);
    const [taken] = tasksOf(fleet, 'b');
    expect(taken).toMatchObject({ rows: second.rows, candidates: second.candidates });
  });

  it('still takes the cells of the task in hand, and its end', () => {
    const { fleet, first, cells } = draining();
    expect(fleet.cells('a', first.id, cells.slice(3), 3).accepted).toHaveLength(cells.length - 3);
    expect(kinds(fleet.done('a', first.id, 3))).toEqual(['task-done']);
    expect(kinds(fleet.leave('a', 'drained', 'terminated'))).toEqual(['worker-left']);
    expect(fleet.counters).toMatchObject({ workersLost: 0, protocolFaults: 0, retries: 1 });
  });

  it('gives the rest of the task in hand to others when the worker leaves before it has finished', () => {
    const { fleet, first } = draining();
    expect(fleet.leave('a', 'drained', 'terminated')).toMatchObject([
      { kind: 'worker-left', how: 'drained' },
      { kind: 'task-reissued', taskId: first.id, lostWorkers: 0 },
    ]);
    enlist(fleet, 'b', 3);
    expect(tasksOf(fleet, 'b')[0]).toMatchObject({ rows: [first.rows[0]], candidates: [3, 4, 5, 6, 7] });
  });

  it('queues everything of a worker that finishes a task it does not hold', () => {
    const fleet = tinyFleet();
    enlist(fleet, 'a');
    fleet.submit(denseWork(4, 8), always, 0);
    fleet.assignments(0);
    expect(kinds(fleet.drain('a', 't99', 'terminated', 1))).toEqual([
      'worker-draining',
      'task-reissued',
      'task-reissued',
    ]);
    expect(fleet.workers()).toMatchObject([{ id: 'a', taskIds: [] }]);
    expect(kinds(fleet.drain('z', 't1', 'terminated', 1))).toEqual(['protocol-fault']);
  });
});

describe('a worker that is lost and dials again', () => {
  it('counts once against the task it was running, which is neither halved nor condemned', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    fleet.submit(ONE_CELL, always, 0);
    for (let time = 0; time < 6; time++) {
      enlist(fleet, 'a');
      expect(tasksOf(fleet, 'a')).toMatchObject([{ candidates: [3] }]);
      expect(fleet.leave('a', 'lost', 'connection reset')).toMatchObject([
        { kind: 'worker-left' },
        { kind: 'task-reissued', lostWorkers: 1 },
      ]);
    }
    expect(fleet.counters.workersLost).toBe(6);
  });

  it('counts each time when it held the task and delivered nothing within its lease', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1, heartbeatTimeoutMs: 1e9 });
    fleet.submit(ONE_CELL, always, 0);
    const stall = (): FleetEvent[] => {
      enlist(fleet, 'a');
      fleet.assignments(0);
      return fleet.expire(1000);
    };
    stall();
    stall();
    expect(stall).toThrow(FleetError);
  });
});
