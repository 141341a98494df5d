import { sweepFlops } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { always, cellOf, denseWork, shapeOf, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';
import { FleetError } from './fleet-error.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Fleet } from './fleet.ts';
import { cellCount, type Task } from './task.ts';

function enlist(fleet: Fleet, ids: readonly string[], nowMs = 0): void {
  for (const id of ids) {
    fleet.join(workerOf(id), nowMs);
    fleet.ready(id, nowMs);
  }
}

const kinds = (events: readonly FleetEvent[]) => events.map(({ kind }) => kind);
const tasksOf = (fleet: Fleet, id: string, nowMs = 0): Task[] =>
  fleet
    .assignments(nowMs)
    .assignments.filter(({ workerId }) => workerId === id)
    .map(({ task }) => task);

describe('joining', () => {
  it('refuses an id in use', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    expect(fleet.join(workerOf('a'), 0)).toMatchObject({
      accepted: false,
      events: [{ kind: 'worker-refused', workerId: 'a' }],
    });
  });

  it('takes a second word that the model is loaded for a heartbeat', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    expect(kinds(fleet.ready('a', 0))).toEqual(['worker-ready']);
    expect(fleet.ready('a', 200)).toEqual([]);
    expect(fleet.expire(499)).toEqual([]);
  });

  it('gives no task before the model is loaded', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    fleet.submit(denseWork(4, 8), always);
    expect(fleet.assignments(0).assignments).toEqual([]);
    fleet.ready('a', 5);
    expect(fleet.assignments(5).assignments).toHaveLength(2);
    expect(fleet.workers()).toMatchObject([{ id: 'a', isReady: true, joinedMs: 0, cellCount: 0 }]);
  });
});

describe('submitting', () => {
  it('asks only for what is missing, and never twice', () => {
    const fleet = tinyFleet();
    const events = fleet.submit(denseWork(4, 8), ({ row }) => row < 3);
    expect(events).toEqual([{ kind: 'work-cut', taskCount: 6, cellCount: 27 }]);
    expect(fleet.submit(denseWork(4, 8), ({ row }) => row < 4)).toMatchObject([{ cellCount: 9 }]);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 36 });
  });

  it('starts its progress anew with work that comes when it is idle', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    const one = { ...denseWork(4, 1), candidates: [3], baseline: false };
    fleet.submit(one, always);
    const [task] = tasksOf(fleet, 'a');
    fleet.cells('a', task.id, taskCells(task), 10);
    expect(fleet.progress()).toMatchObject({ doneCells: 1, totalCells: 1 });
    expect(fleet.tokensPerSecond(100)).toBe(320);
    fleet.submit({ ...one, candidates: [4, 5] }, always);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 2 });
    expect(fleet.tokensPerSecond(100)).toBe(0);
  });

  it('is idle when nothing is missing', () => {
    const fleet = tinyFleet();
    fleet.submit(denseWork(4, 8), () => false);
    expect(fleet.idle()).toBe(true);
  });

  it.each([true, false])(
    'counts the FLOPs of whole sweeps, however they are cut (baseline: %s)',
    (baseline) => {
      const fleet = tinyFleet();
      enlist(fleet, ['a', 'b', 'c']);
      const work = { ...denseWork(4, 2), baseline };
      fleet.submit(work, always);
      const rowFlops = sweepFlops(shapeOf(4), work, 32);
      expect(fleet.progress()).toMatchObject({ doneFlops: 0, totalFlops: 2 * rowFlops });
      let before = 0;
      while (!fleet.idle()) {
        for (const { workerId, task } of fleet.assignments(0).assignments) {
          for (const cell of taskCells(task)) {
            fleet.cells(workerId, task.id, [cell], 0);
            const { doneFlops } = fleet.progress();
            expect(doneFlops).toBeGreaterThan(before);
            before = doneFlops;
          }
          fleet.done(workerId, task.id, 0);
        }
      }
      expect(before).toBe(2 * rowFlops);
    },
  );

  it.each([[[8]], [[1, 0]], [[0, 0]], [[-1]], [[0.5]]])('refuses rows %j', (rows) => {
    expect(() => tinyFleet().submit({ ...denseWork(4, 1), rows }, always)).toThrow(
      /rows must ascend from 0 to 7/,
    );
  });

  it('refuses candidates that the model does not have', () => {
    expect(() => tinyFleet().submit({ ...denseWork(4, 1), candidates: [8] }, always)).toThrow(RangeError);
  });
});

describe('assigning', () => {
  it('gives each worker one task before any gets a second', () => {
    const fleet = tinyFleet();
    fleet.submit(denseWork(4, 8), always);
    enlist(fleet, ['a', 'b', 'c']);
    const { assignments } = fleet.assignments(0);
    expect(assignments.map(({ workerId }) => workerId).slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(fleet.workers().every(({ taskIds }) => taskIds.length === 2)).toBe(true);
    expect(fleet.assignments(0).assignments).toEqual([]);
  });

  it('lets the last tasks wait for whoever is free first', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a', 'b']);
    fleet.submit(denseWork(4, 8), always);
    const given = new Map<string, Task>();
    const assign = () => {
      const { assignments } = fleet.assignments(0);
      for (const { task } of assignments) given.set(task.id, task);
      return assignments.length;
    };
    expect(assign()).toBe(4);
    const refill = () => {
      const { id, taskIds } = fleet.workers().find((worker) => worker.taskIds.length === 2)!;
      const task = given.get(taskIds[0])!;
      fleet.cells(id, task.id, taskCells(task), 0);
      fleet.done(id, task.id, 0);
      return assign();
    };
    expect([refill(), refill()]).toEqual([1, 1]);
    expect([refill(), refill()]).toEqual([0, 0]);
    expect(fleet.workers().map(({ taskIds }) => taskIds.length)).toEqual([1, 1]);
  });

  it('cuts the queue finer when more workers are ready than it was cut for', () => {
    const fleet = tinyFleet({ rowTokens: new Array<number>(64).fill(32) });
    fleet.submit(denseWork(4, 64), always);
    enlist(fleet, ['a']);
    const { task } = fleet.assignments(0).assignments[0];
    expect(task.rows).toHaveLength(8);
    enlist(fleet, ['b', 'c', 'd', 'e', 'f', 'g', 'h']);
    const later = fleet.assignments(0).assignments.filter(({ workerId }) => workerId !== 'a');
    expect(later.every((assignment) => assignment.task.rows.length === 2)).toBe(true);
  });

  it('halves queued tasks when workers would go empty-handed', () => {
    const fleet = tinyFleet({ rowTokens: new Array<number>(12).fill(32), maxTasksPerWorker: 1 });
    enlist(fleet, ['a', 'b', 'c']);
    fleet.submit(denseWork(4, 12), always);
    let given = fleet.assignments(0).assignments;
    while (given.length > 0 && fleet.progress().doneCells < 11 * 9) {
      const [{ workerId, task }] = given;
      fleet.cells(workerId, task.id, taskCells(task), 0);
      fleet.done(workerId, task.id, 0);
      given = [...given.slice(1), ...fleet.assignments(0).assignments];
    }
    const [{ workerId, task }] = given;
    expect(fleet.assignments(0).assignments).toEqual([]);
    fleet.leave(workerId, 'drained', 'scaled down');
    const { assignments, events } = fleet.assignments(0);
    expect(events).toMatchObject([{ kind: 'task-split', reason: '2 idle workers for 1 queued tasks' }]);
    expect(assignments).toHaveLength(2);
    expect(assignments.flatMap((half) => half.task.candidates)).toEqual(task.candidates);
  });

  it('keeps a row with the worker that has its baseline states', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a', 'b']);
    fleet.submit(denseWork(4, 2), always);
    const rowOf = new Map(fleet.assignments(0).assignments.map(({ workerId, task }) => [workerId, task]));
    expect(rowOf.get('a')!.rows).not.toEqual(rowOf.get('b')!.rows);
    for (const id of ['b', 'a']) {
      const task = rowOf.get(id)!;
      fleet.cells(id, task.id, taskCells(task), 1);
      fleet.done(id, task.id, 1);
    }
    for (const { workerId, task } of fleet.assignments(2).assignments) {
      expect(task.rows).toEqual(rowOf.get(workerId)!.rows);
      expect(task.candidates[0]).toBe(rowOf.get(workerId)!.candidates.at(-1)! + 1);
    }
  });
});

describe('delivering', () => {
  const started = () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a', 'b']);
    fleet.submit(denseWork(4, 8), always);
    const [task] = tasksOf(fleet, 'a');
    return { fleet, task, cells: taskCells(task) };
  };

  it('accepts a cell once and hands duplicates back', () => {
    const { fleet, task, cells } = started();
    expect(fleet.cells('a', task.id, cells.slice(0, 3), 1)).toMatchObject({
      accepted: cells.slice(0, 3),
      duplicates: [],
      events: [],
    });
    expect(fleet.cells('a', task.id, cells.slice(2, 4), 2)).toMatchObject({
      accepted: [cells[3]],
      duplicates: [cells[2]],
      events: [],
    });
    expect(fleet.counters.duplicateCells).toBe(1);
    expect(fleet.progress().doneCells).toBe(4);
    expect(fleet.tokensPerSecond(1000)).toBe(4 * 32);
  });

  it.each<[string, Partial<Cell>]>([
    ['another mask', { mask: [1] }],
    ['row 7', { row: 7 }],
    ['candidate 99', { candidate: 99 }],
    ['candidate NaN', { candidate: Number.NaN }],
    ['5 window sums for row 0, which has 2', { windowSums: new Float64Array(5) }],
  ])('ignores a cell of %s and reports it', (reason, change) => {
    const { fleet, task, cells } = started();
    const { accepted, duplicates, events } = fleet.cells('a', task.id, [{ ...cells[0], ...change }], 1);
    expect([accepted, duplicates]).toEqual([[], []]);
    expect(events).toMatchObject([
      {
        kind: 'protocol-fault',
        workerId: 'a',
        taskId: task.id,
        reason: expect.stringContaining(reason) as string,
      },
    ]);
  });

  it('ignores a baseline cell that was not asked for', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    fleet.submit({ ...denseWork(4, 8), baseline: false }, always);
    const [task] = tasksOf(fleet, 'a');
    const delivery = fleet.cells('a', task.id, [cellOf({ mask: [], candidate: null, row: task.rows[0] })], 0);
    expect(delivery.events).toMatchObject([
      { reason: '1 cells ignored, first a baseline cell that the task does not have' },
    ]);
  });

  it('ignores cells, ends and failures from a worker that does not hold the task', () => {
    const { fleet, task, cells } = started();
    expect(fleet.cells('b', task.id, cells, 1)).toMatchObject({
      accepted: [],
      events: [{ kind: 'protocol-fault' }],
    });
    expect(kinds(fleet.done('b', task.id, 1))).toEqual(['protocol-fault']);
    expect(kinds(fleet.failed('b', task.id, 'oom', 1))).toEqual(['protocol-fault']);
    expect(fleet.counters.protocolFaults).toBe(3);
  });

  it('reports calls about workers that are not there', () => {
    const fleet = tinyFleet();
    expect(kinds(fleet.ready('z', 0))).toEqual(['protocol-fault']);
    expect(kinds(fleet.heartbeat('z', 0))).toEqual(['protocol-fault']);
    expect(kinds(fleet.leave('z', 'lost', 'reset'))).toEqual(['protocol-fault']);
    expect(kinds(fleet.cells('z', 't1', [], 0).events)).toEqual(['protocol-fault']);
  });

  it('takes a done task with missing cells back', () => {
    const { fleet, task, cells } = started();
    fleet.cells('a', task.id, cells.slice(1), 1);
    const events = fleet.done('a', task.id, 2);
    expect(kinds(events)).toEqual(['protocol-fault', 'task-failed', 'task-reissued']);
    expect(events[1]).toMatchObject({ reason: 'done, but 1 cells were not delivered' });
  });
});

describe('losing workers', () => {
  it('reissues only what was not received, first in the queue', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always);
    const [task] = tasksOf(fleet, 'a');
    const cells = taskCells(task);
    fleet.cells('a', task.id, cells.slice(0, 4), 1);
    expect(kinds(fleet.leave('a', 'lost', 'connection reset'))).toEqual([
      'worker-left',
      'task-reissued',
      'task-reissued',
    ]);
    enlist(fleet, ['b'], 2);
    const [again] = tasksOf(fleet, 'b', 2);
    expect(again).toMatchObject({ rows: task.rows, candidates: [4, 5, 6, 7], baseline: true });
    expect(again.id).not.toBe(task.id);
    expect(fleet.cells('a', task.id, cells, 3).accepted).toEqual([]);
    expect(fleet.counters).toMatchObject({ workersLost: 1, retries: 2 });
  });

  it('counts a loss against the running task, and a drain against none', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always);
    fleet.assignments(0);
    const lost = fleet
      .leave('a', 'lost', 'connection reset')
      .filter((event) => event.kind === 'task-reissued');
    expect(lost.map(({ lostWorkers }) => lostWorkers)).toEqual([0, 1]);
    enlist(fleet, ['b']);
    fleet.assignments(0);
    const drained = fleet
      .leave('b', 'drained', 'scaled down')
      .filter((event) => event.kind === 'task-reissued');
    expect(drained.map(({ lostWorkers }) => lostWorkers)).toEqual([0, 1]);
    expect(fleet.counters.workersLost).toBe(1);
  });

  it('drops a worker whose heartbeat stops, loading or not', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    fleet.join(workerOf('b'), 0);
    fleet.heartbeat('b', 200);
    expect(fleet.expire(299)).toEqual([]);
    expect(fleet.expire(300)).toEqual([
      { kind: 'worker-left', workerId: 'a', how: 'lost', reason: 'no heartbeat for 300 ms' },
    ]);
    expect(fleet.workers().map(({ id }) => id)).toEqual(['b']);
  });

  it('drops a worker that is alive but delivers nothing within its lease', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always);
    const [task] = tasksOf(fleet, 'a');
    const beat = (nowMs: number) => {
      fleet.heartbeat('a', nowMs);
      return fleet.expire(nowMs);
    };
    expect(beat(999)).toEqual([]);
    fleet.cells('a', task.id, taskCells(task).slice(0, 1), 999);
    expect(beat(1998)).toEqual([]);
    fleet.cells('a', task.id, taskCells(task).slice(0, 1), 1998);
    const events = beat(1999);
    expect(events[0]).toEqual({
      kind: 'lease-expired',
      workerId: 'a',
      taskId: task.id,
      reason: 'no cell within the lease of 1000 ms',
    });
    expect(kinds(events)).toEqual(['lease-expired', 'worker-left', 'task-reissued', 'task-reissued']);
  });

  it('starts the clock of a waiting task when the one before it ends', () => {
    const fleet = tinyFleet({ heartbeatTimeoutMs: 1e9 });
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always);
    const [first] = tasksOf(fleet, 'a');
    fleet.cells('a', first.id, taskCells(first), 900);
    fleet.done('a', first.id, 950);
    expect(fleet.expire(1949)).toEqual([]);
    expect(kinds(fleet.expire(1950))).toContain('lease-expired');
  });

  it('keeps a lease of a task that gets on without a cell, and of no other', () => {
    const fleet = tinyFleet({ heartbeatTimeoutMs: 1e9 });
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always);
    const [task] = tasksOf(fleet, 'a');
    fleet.heartbeat('a', 900, task.id);
    expect(fleet.expire(1899)).toEqual([]);
    fleet.heartbeat('a', 1899, 'another');
    expect(kinds(fleet.expire(1900))).toContain('lease-expired');
  });

  it('gives a failed task to a worker that has not tried it', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a', 'b']);
    fleet.submit({ ...denseWork(4, 1), candidates: [3], baseline: false }, always);
    const [task] = tasksOf(fleet, 'a');
    expect(kinds(fleet.failed('a', task.id, 'out of memory', 1))).toEqual(['task-failed', 'task-reissued']);
    expect(fleet.assignments(1).assignments).toMatchObject([{ workerId: 'b', task: { candidates: [3] } }]);
  });

  it('gives a task that was handed back to the same worker again, whole, however often', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a']);
    fleet.submit({ ...denseWork(4, 1), candidates: [3], baseline: false }, always);
    for (let i = 0; i < 5; i++) {
      const [task] = tasksOf(fleet, 'a');
      expect(task).toMatchObject({ candidates: [3], rows: [0] });
      expect(kinds(fleet.handedBack('a', task.id, 'too large', i))).toEqual(['task-failed', 'task-reissued']);
    }
    expect(fleet.counters.workersLost).toBe(0);
  });

  it('halves a task that lost two workers', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    fleet.submit(denseWork(4, 8), ({ row }) => row < 4);
    const lose = (id: string) => {
      enlist(fleet, [id]);
      const [task] = tasksOf(fleet, id);
      const event = fleet.leave(id, 'lost', 'killed').find(({ kind }) => kind === 'task-reissued');
      return { task, event };
    };
    const [first, second, third] = [...'abc'].map(lose);
    expect(second.task.candidates).toEqual(first.task.candidates);
    expect(second.event).toMatchObject({ lostWorkers: 2, into: [expect.any(String), expect.any(String)] });
    expect(third.event).toMatchObject({ lostWorkers: 3 });
    expect(cellCount(third.task)).toBeLessThan(cellCount(second.task));
  });

  it('fails the run by name when one cell takes down a third worker', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1, shape: shapeOf(12) });
    const base = Array.from({ length: 20 }, (_, block) => block);
    fleet.submit({ base, candidates: [21], baseline: false, rows: [5] }, always);
    const kill = (id: string) => {
      enlist(fleet, [id]);
      fleet.assignments(0);
      return fleet.leave(id, 'lost', 'killed');
    };
    kill('a');
    kill('b');
    try {
      kill('c');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FleetError);
      const { message, cell, workers, events } = error as FleetError;
      expect(cell).toEqual({ mask: base, candidate: 21, row: 5 });
      expect(workers).toEqual(['host-a', 'host-b', 'host-c']);
      expect(kinds(events)).toEqual(['worker-left', 'task-reissued', 'cell-condemned']);
      expect(message).toMatch(
        /candidate mlp\.10 on mask mha\.0\+.*… \(20 blocks removed\), row 5, took down/,
      );
      expect(message).toContain('host-a, host-b, host-c (last: killed)');
      expect(message.length).toBeLessThan(400);
    }
  });
});
