import { sweepFlops } from '@blockpruner/blocks';
import type { Cell, CellId } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { always, cellOf, denseWork, shapeOf, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';
import { FleetError } from './fleet-error.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Assignment, Fleet } from './fleet.ts';
import { cellCount, type Task } from './task.ts';

function enlist(fleet: Fleet, ids: readonly string[], nowMs = 0, peakFlopsPerSecond = 0): void {
  for (const id of ids) {
    fleet.join(workerOf(id), nowMs);
    fleet.ready(id, nowMs, peakFlopsPerSecond);
  }
}

/** A worker of this speed gets several of them as its first task. */
const MANY_ROWS = new Array<number>(64).fill(32);
const PEAK = 2e8;

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
    fleet.submit(denseWork(4, 8), always, 0);
    expect(fleet.assignments(0).assignments).toEqual([]);
    fleet.ready('a', 5);
    expect(fleet.assignments(5).assignments).toHaveLength(2);
    expect(fleet.workers()).toMatchObject([{ id: 'a', isReady: true, joinedMs: 0, cellCount: 0 }]);
  });
});

describe('submitting', () => {
  it('asks only for what is missing, and never twice', () => {
    const fleet = tinyFleet();
    const events = fleet.submit(denseWork(4, 8), ({ row }) => row < 3, 0);
    expect(events).toEqual([{ kind: 'work-shared', workerCount: 0, cellCount: 27 }]);
    expect(fleet.submit(denseWork(4, 8), ({ row }) => row < 4, 0)).toMatchObject([{ cellCount: 9 }]);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 36 });
  });

  it('starts its progress anew with work that comes when it is idle', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    const one = { ...denseWork(4, 1), candidates: [3], baseline: false };
    fleet.submit(one, always, 0);
    const [task] = tasksOf(fleet, 'a');
    fleet.cells('a', task.id, taskCells(task), 10);
    expect(fleet.progress()).toMatchObject({ doneCells: 1, totalCells: 1 });
    expect(fleet.tokensPerSecond(100)).toBe(320);
    fleet.submit({ ...one, candidates: [4, 5] }, always, 0);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 2 });
    expect(fleet.tokensPerSecond(100)).toBe(0);
  });

  it('is idle when nothing is missing', () => {
    const fleet = tinyFleet();
    fleet.submit(denseWork(4, 8), () => false, 0);
    expect(fleet.idle()).toBe(true);
  });

  it.each([true, false])(
    'counts the FLOPs of whole sweeps, however they are cut (baseline: %s)',
    (baseline) => {
      const fleet = tinyFleet();
      enlist(fleet, ['a', 'b', 'c']);
      const work = { ...denseWork(4, 2), baseline };
      fleet.submit(work, always, 0);
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
    expect(() => tinyFleet().submit({ ...denseWork(4, 1), rows }, always, 0)).toThrow(
      /rows must ascend from 0 to 7/,
    );
  });

  it('refuses candidates that the model does not have', () => {
    expect(() => tinyFleet().submit({ ...denseWork(4, 1), candidates: [8] }, always, 0)).toThrow(RangeError);
  });
});

describe('assigning', () => {
  it('gives each worker one task before any gets a second', () => {
    const fleet = tinyFleet();
    fleet.submit(denseWork(4, 8), always, 0);
    enlist(fleet, ['a', 'b', 'c']);
    const { assignments } = fleet.assignments(0);
    expect(assignments.map(({ workerId }) => workerId).slice(0, 3)).toEqual(['a', 'b', 'c']);
    expect(fleet.workers().every(({ taskIds }) => taskIds.length === 2)).toBe(true);
    expect(fleet.assignments(0).assignments).toEqual([]);
  });

  it('gives each worker neighbouring rows of its own, as many as it is fast', () => {
    const fleet = tinyFleet({ rowTokens: new Array<number>(40).fill(32), maxTasksPerWorker: 1 });
    const speeds = { a: 1, b: 3 };
    for (const [id, speed] of Object.entries(speeds)) {
      fleet.join(workerOf(id), 0);
      fleet.ready(id, 0, speed * 1e9);
    }
    fleet.submit(denseWork(4, 40), always, 0);
    const [a, b] = fleet.assignments(0).assignments;
    expect([a.task.rows[0], b.task.rows[0]]).toEqual([0, 10]);
  });

  it('makes tasks small at first, then as long as asked for, and smaller towards the end', () => {
    const fleet = tinyFleet({ rowTokens: new Array<number>(400).fill(32), targetTaskMs: 2000, leaseMs: 1e9 });
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 400), always, 0);
    const durations: number[] = [];
    let nowMs = 0;
    const queue = [...tasksOf(fleet, 'a')];
    for (let task = queue.shift(); task; task = queue.shift()) {
      durations.push(20 * cellCount(task));
      nowMs += durations.at(-1)!;
      fleet.cells('a', task.id, taskCells(task), nowMs);
      fleet.done('a', task.id, nowMs);
      queue.push(...tasksOf(fleet, 'a', nowMs));
    }
    expect(fleet.idle()).toBe(true);
    expect(durations[0]).toBe(20);
    expect(Math.max(...durations)).toBeLessThan(2 * 2000);
    expect(Math.max(...durations)).toBeGreaterThan(1000);
    expect(durations.at(-1)!).toBeLessThan(400);
  });

  it('lets an idle worker take over what another has queued', () => {
    const fleet = tinyFleet();
    enlist(fleet, ['a']);
    fleet.submit(denseWork(4, 8), always, 0);
    fleet.assignments(0);
    enlist(fleet, ['b'], 10);
    const { assignments, events } = fleet.assignments(10);
    expect(assignments.filter(({ workerId }) => workerId === 'b')).toHaveLength(2);
    expect(events).toMatchObject([{ kind: 'work-stolen', workerId: 'b', fromWorkerId: 'a' }]);
    expect(fleet.counters.thefts).toBe(1);
  });

  it('keeps a row with the worker that has walked its baseline', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a', 'b']);
    fleet.submit(denseWork(4, 2), always, 0);
    const before = new Map(fleet.assignments(0).assignments.map(({ workerId, task }) => [workerId, task]));
    for (const id of ['b', 'a']) {
      const task = before.get(id)!;
      fleet.cells(id, task.id, taskCells(task), 1);
      fleet.done(id, task.id, 1);
    }
    for (const { workerId, task } of fleet.assignments(2).assignments) {
      expect(task.rows).toEqual(before.get(workerId)!.rows);
      expect(task.candidates[0]).toBe(before.get(workerId)!.candidates.at(-1)! + 1);
    }
  });

  /** One cell is left, in the hands of `a`, which takes 10 s for it where it took 1 s for the others. */
  const straggling = () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1, leaseMs: 1e9, heartbeatTimeoutMs: 1e9 });
    enlist(fleet, ['a', 'b']);
    fleet.submit({ ...denseWork(4, 2), candidates: [1, 2], baseline: false }, always, 0);
    const finish = (given: readonly Assignment[], nowMs: number) => {
      for (const { workerId, task } of given) {
        fleet.cells(workerId, task.id, taskCells(task), nowMs);
        fleet.done(workerId, task.id, nowMs);
      }
    };
    finish(fleet.assignments(0).assignments, 1000);
    const second = fleet.assignments(1000).assignments;
    finish(
      second.filter(({ workerId }) => workerId === 'b'),
      2000,
    );
    const last = second.find(({ workerId }) => workerId === 'a')!.task;
    expect(cellCount(last)).toBe(1);
    return { fleet, last, nowMs: 11_000 };
  };

  it('gives an idle worker a copy of what another is late with, and the first value wins', () => {
    const { fleet, last, nowMs } = straggling();
    const { assignments, events } = fleet.assignments(nowMs);
    expect(assignments).toMatchObject([
      { workerId: 'b', task: { rows: last.rows, candidates: last.candidates } },
    ]);
    expect(events).toMatchObject([{ kind: 'task-copied', of: last.id, workerId: 'b', fromWorkerId: 'a' }]);
    const [{ task }] = assignments;
    expect(fleet.cells('b', task.id, taskCells(task), nowMs).accepted).toHaveLength(1);
    expect(fleet.idle()).toBe(true);
    expect(fleet.assignments(nowMs).cancellations).toEqual([{ workerId: 'a', taskId: last.id }]);
    expect(fleet.cells('a', last.id, taskCells(last), nowMs)).toMatchObject({ accepted: [], events: [] });
    expect(fleet.done('a', last.id, nowMs)).toEqual([]);
    expect(fleet.counters).toMatchObject({
      copies: 1,
      duplicateCells: 1,
      confirmedCells: 1,
      protocolFaults: 0,
    });
  });

  it('goes on with the copy where the original is lost, which counts against it', () => {
    const { fleet, last, nowMs } = straggling();
    const [{ task }] = fleet.assignments(nowMs).assignments;
    expect(kinds(fleet.leave('a', 'lost', 'killed'))).toEqual(['worker-left']);
    expect(kinds(fleet.leave('b', 'lost', 'killed'))).toEqual(['worker-left', 'task-reissued']);
    enlist(fleet, ['c'], nowMs);
    const [again] = fleet.assignments(nowMs).assignments;
    expect(again.task).toMatchObject({ rows: last.rows, candidates: task.candidates });
    expect(() => fleet.leave('c', 'lost', 'killed')).toThrow(/host-a, host-b, host-c/);
  });
});

describe('running ahead', () => {
  const one = (base: number[]) => ({ base, candidates: [3, 4, 5], baseline: false, rows: [0, 1] });

  /** `a` has all there is of the present work, `b` runs ahead. */
  const begun = () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a']);
    fleet.submit({ ...one([]), candidates: [7], rows: [0] }, always, 0);
    const [task] = tasksOf(fleet, 'a');
    enlist(fleet, ['b']);
    fleet.runAhead(one([7]), always, 0);
    const [ahead] = tasksOf(fleet, 'b');
    return { fleet, task, ahead };
  };

  it('gives idle workers what may be wanted next, and counts it when it is', () => {
    const { fleet, task, ahead } = begun();
    expect(ahead.base).toEqual([7]);
    expect(fleet.progress().totalCells).toBe(1);
    const early = fleet.cells('b', ahead.id, taskCells(ahead).slice(0, 1), 1).accepted;
    expect(early).toHaveLength(1);
    fleet.cells('a', task.id, taskCells(task), 1);
    fleet.done('a', task.id, 1);
    expect(fleet.idle()).toBe(true);
    const has = (id: CellId) => id.row === early[0].row && id.candidate === early[0].candidate;
    fleet.submit(one([7]), (id) => !has(id), 2);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 5 });
    const done: Cell[] = [];
    const running = [{ workerId: 'b', task: ahead }];
    for (let next = running.shift(); next; next = running.shift()) {
      done.push(...fleet.cells(next.workerId, next.task.id, taskCells(next.task), 3).accepted);
      fleet.done(next.workerId, next.task.id, 3);
      running.push(...fleet.assignments(3).assignments);
    }
    expect(done).toHaveLength(5);
    expect(fleet.idle()).toBe(true);
  });

  it('drops it when something else is wanted', () => {
    const { fleet, task, ahead } = begun();
    fleet.cells('a', task.id, taskCells(task), 1);
    fleet.done('a', task.id, 1);
    fleet.submit(one([6]), always, 2);
    const { assignments, cancellations } = fleet.assignments(2);
    expect(cancellations).toEqual([{ workerId: 'b', taskId: ahead.id }]);
    expect(assignments.every((each) => each.task.base[0] === 6)).toBe(true);
    expect(fleet.cells('b', ahead.id, taskCells(ahead), 3)).toMatchObject({ accepted: [], events: [] });
  });

  it('goes on when more of the present mask is wanted, and keeps what has come to be compared', () => {
    const { fleet, task, ahead } = begun();
    fleet.cells('a', task.id, taskCells(task), 1);
    fleet.done('a', task.id, 1);
    fleet.cells('b', ahead.id, taskCells(ahead), 1);
    fleet.submit({ ...one([]), candidates: [7], rows: [2] }, always, 2);
    const { assignments, cancellations } = fleet.assignments(2);
    expect(cancellations).toEqual([]);
    expect(assignments.map((each) => [each.workerId, each.task.base, each.task.rows])).toEqual([
      ['a', [], [2]],
    ]);
    fleet.cells('a', assignments[0].task.id, taskCells(assignments[0].task), 3);
    fleet.done('a', assignments[0].task.id, 3);
    expect(fleet.idle()).toBe(true);
    const came = new Set(taskCells(ahead).map(({ candidate, row }) => `${candidate} ${row}`));
    fleet.submit(one([7]), ({ candidate, row }) => !came.has(`${candidate} ${row}`), 4);
    const changed = taskCells(ahead).map((cell) => ({ ...cell, windowSums: new Float64Array(2).fill(99) }));
    expect(kinds(fleet.cells('b', ahead.id, changed, 5).events)).toContain('cells-differ');
  });

  it('does not lose what a lost worker had begun', () => {
    const { fleet, task, ahead } = begun();
    fleet.leave('b', 'lost', 'killed');
    fleet.cells('a', task.id, taskCells(task), 1);
    fleet.done('a', task.id, 1);
    fleet.submit(one([7]), always, 2);
    const seen: Cell[] = [];
    for (let next = tasksOf(fleet, 'a', 3); next.length > 0; next = tasksOf(fleet, 'a', 3)) {
      seen.push(...fleet.cells('a', next[0].id, taskCells(next[0]), 3).accepted);
      fleet.done('a', next[0].id, 3);
    }
    expect(seen).toHaveLength(6);
    expect(ahead.base).toEqual([7]);
    expect(fleet.idle()).toBe(true);
  });
});

describe('delivering', () => {
  const started = () => {
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
    enlist(fleet, ['a', 'b'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
    const [task] = tasksOf(fleet, 'a');
    return { fleet, task, cells: taskCells(task) };
  };

  it('accepts a cell once', () => {
    const { fleet, task, cells } = started();
    expect(fleet.cells('a', task.id, cells.slice(0, 3), 1)).toMatchObject({
      accepted: cells.slice(0, 3),
      events: [],
    });
    expect(fleet.cells('a', task.id, cells.slice(2, 4), 2)).toMatchObject({
      accepted: [cells[3]],
      events: [],
    });
    expect(fleet.counters.duplicateCells).toBe(1);
    expect(fleet.progress().doneCells).toBe(4);
    expect(fleet.tokensPerSecond(1000)).toBe(4 * 32);
  });

  it.each<[string, Partial<Cell>]>([
    ['another mask', { mask: [1] }],
    ['row 60', { row: 60 }],
    ['candidate 99', { candidate: 99 }],
    ['candidate NaN', { candidate: Number.NaN }],
    ['5 window sums for row 0, which has 2', { windowSums: new Float64Array(5) }],
  ])('ignores a cell of %s and reports it', (reason, change) => {
    const { fleet, task, cells } = started();
    const { accepted, events } = fleet.cells('a', task.id, [{ ...cells[0], ...change }], 1);
    expect(accepted).toEqual([]);
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
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit({ ...denseWork(4, 64), baseline: false }, always, 0);
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
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
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
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
    const [task] = tasksOf(fleet, 'a');
    const cells = taskCells(task);
    fleet.cells('a', task.id, cells.slice(0, 4), 1);
    expect(kinds(fleet.leave('a', 'lost', 'connection reset'))).toEqual([
      'worker-left',
      'task-reissued',
      'task-reissued',
    ]);
    enlist(fleet, ['b'], 2, PEAK);
    const [again] = tasksOf(fleet, 'b', 2);
    expect(again).toMatchObject({ rows: [task.rows[0]], candidates: [4, 5, 6, 7], baseline: true });
    expect(again.id).not.toBe(task.id);
    expect(fleet.cells('a', task.id, cells, 3).accepted).toEqual([]);
    expect(fleet.counters).toMatchObject({ workersLost: 1, retries: 2 });
  });

  it('counts a loss against the running task, and a drain against none', () => {
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
    fleet.assignments(0);
    const lost = fleet
      .leave('a', 'lost', 'connection reset')
      .filter((event) => event.kind === 'task-reissued');
    expect(lost.map(({ lostWorkers }) => lostWorkers)).toEqual([0, 1]);
    enlist(fleet, ['b'], 0, PEAK);
    fleet.assignments(0);
    const drained = fleet
      .leave('b', 'drained', 'scaled down')
      .filter((event) => event.kind === 'task-reissued');
    expect(drained.map(({ lostWorkers }) => lostWorkers)).toEqual([0, 1]);
    expect(fleet.counters.workersLost).toBe(1);
  });

  it('drops a worker whose heartbeat stops, loading or not', () => {
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
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
    const fleet = tinyFleet({ rowTokens: MANY_ROWS });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
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
    const fleet = tinyFleet({ rowTokens: MANY_ROWS, heartbeatTimeoutMs: 1e9 });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
    const [first] = tasksOf(fleet, 'a');
    fleet.cells('a', first.id, taskCells(first), 900);
    fleet.done('a', first.id, 950);
    expect(fleet.expire(1949)).toEqual([]);
    expect(kinds(fleet.expire(1950))).toContain('lease-expired');
  });

  it('keeps a lease of a task that gets on without a cell, and of no other', () => {
    const fleet = tinyFleet({ rowTokens: MANY_ROWS, heartbeatTimeoutMs: 1e9 });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit(denseWork(4, 64), always, 0);
    const [task] = tasksOf(fleet, 'a');
    fleet.heartbeat('a', 900, task.id);
    expect(fleet.expire(1899)).toEqual([]);
    fleet.heartbeat('a', 1899, 'another');
    expect(kinds(fleet.expire(1900))).toContain('lease-expired');
  });

  it('gives a failed task to a worker that has not tried it', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a', 'b'], 0, PEAK);
    fleet.submit({ ...denseWork(4, 1), candidates: [3], baseline: false }, always, 0);
    const [task] = tasksOf(fleet, 'a');
    expect(kinds(fleet.failed('a', task.id, 'out of memory', 1))).toEqual(['task-failed', 'task-reissued']);
    expect(fleet.assignments(1).assignments).toMatchObject([{ workerId: 'b', task: { candidates: [3] } }]);
  });

  it('gives a task that was handed back to the same worker again, whole, however often', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    enlist(fleet, ['a'], 0, PEAK);
    fleet.submit({ ...denseWork(4, 1), candidates: [3], baseline: false }, always, 0);
    for (let i = 0; i < 5; i++) {
      const [task] = tasksOf(fleet, 'a');
      expect(task).toMatchObject({ candidates: [3], rows: [0] });
      expect(kinds(fleet.handedBack('a', task.id, 'too large', i))).toEqual(['task-failed', 'task-reissued']);
    }
    expect(fleet.counters.workersLost).toBe(0);
  });

  it('halves a task that lost two workers', () => {
    const fleet = tinyFleet({ rowTokens: MANY_ROWS, maxTasksPerWorker: 1 });
    fleet.submit(denseWork(4, 64), always, 0);
    const lose = (id: string) => {
      enlist(fleet, [id], 0, PEAK);
      const [task] = tasksOf(fleet, id);
      const event = fleet.leave(id, 'lost', 'killed').find(({ kind }) => kind === 'task-reissued');
      return { task, event };
    };
    const [first, second, third] = [...'abc'].map(lose);
    expect(second.task).toMatchObject({ rows: first.task.rows, candidates: first.task.candidates });
    expect(second.event).toMatchObject({ lostWorkers: 2, into: [expect.any(String), expect.any(String)] });
    expect(third.event).toMatchObject({ lostWorkers: 3 });
    expect(cellCount(third.task)).toBeLessThan(cellCount(second.task));
  });

  it('fails the run by name when one cell takes down a third worker', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1, shape: shapeOf(12) });
    const base = Array.from({ length: 20 }, (_, block) => block);
    fleet.submit({ base, candidates: [21], baseline: false, rows: [5] }, always, 0);
    const kill = (id: string) => {
      enlist(fleet, [id], 0, PEAK);
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
