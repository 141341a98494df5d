import type { Cell } from '@blockpruner/perplexity';
import { describe, expect, it } from 'vitest';
import { always, denseWork, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';
import { FleetError } from './fleet-error.ts';
import type { Fleet } from './fleet.ts';
import { isSampled } from './sample.ts';
import type { Task, Work } from './task.ts';

const ONE: Work = { ...denseWork(4, 1), candidates: [3], baseline: false };

function fleetOf(ids: readonly string[], options: Parameters<typeof tinyFleet>[0] = {}): Fleet {
  const fleet = tinyFleet({ maxTasksPerWorker: 1, checkedShare: 1, ...options });
  for (const id of ids) join(fleet, id);
  return fleet;
}

function join(fleet: Fleet, id: string, numericClass?: string): void {
  fleet.join(workerOf(id, numericClass), 0);
  fleet.ready(id, 0);
}

/** Has every task that is given now computed. @param lies what a worker adds to its numbers */
function compute(fleet: Fleet, lies: Readonly<Record<string, number>> = {}) {
  const accepted: Cell[] = [];
  const corrected: Cell[] = [];
  const events = fleet.assignments(0).assignments.flatMap(({ workerId, task }) => {
    const delivery = fleet.cells(workerId, task.id, shifted(task, lies[workerId] ?? 0), 0);
    accepted.push(...delivery.accepted);
    corrected.push(...delivery.corrected);
    return [...delivery.events, ...fleet.done(workerId, task.id, 0)];
  });
  return { accepted, corrected, events };
}

function shifted(task: Task, lie: number): Cell[] {
  return taskCells(task).map((cell) => ({ ...cell, windowSums: cell.windowSums.map((sum) => sum + lie) }));
}

describe('cells that two workers compute', () => {
  it('are computed again by another worker, before the work counts as done', () => {
    const fleet = fleetOf(['a', 'b']);
    fleet.submit(ONE, always, 0);
    expect(compute(fleet).accepted).toHaveLength(1);
    expect(fleet.idle()).toBe(false);
    expect(compute(fleet)).toMatchObject({ accepted: [], corrected: [], events: [{ kind: 'task-done' }] });
    expect(fleet.idle()).toBe(true);
    expect(fleet.counters.confirmedCells).toBe(1);
  });

  it('are none where there is one worker, or no other of its class', () => {
    const fleet = fleetOf(['a'], { mixedClasses: true });
    join(fleet, 'b', 'gpu-x');
    fleet.submit(ONE, always, 0);
    compute(fleet);
    expect(fleet.idle()).toBe(true);
  });

  it('are waited for no more when the other worker goes', () => {
    const fleet = fleetOf(['a', 'b']);
    fleet.submit(ONE, always, 0);
    const [{ workerId }] = fleet.assignments(0).assignments;
    const [task] = fleet.workers().find(({ id }) => id === workerId)!.taskIds;
    fleet.cells(workerId, task, taskCells({ ...ONE, id: task }), 0);
    fleet.done(workerId, task, 0);
    const other = workerId === 'a' ? 'b' : 'a';
    expect(fleet.idle()).toBe(false);
    expect(fleet.leave(other, 'drained', 'scaled down')).toMatchObject([
      { kind: 'worker-left' },
      { kind: 'checks-dropped', cellCount: 1 },
    ]);
    expect(fleet.idle()).toBe(true);
  });

  it('are decided by a third worker where two differ, and the wrong value is replaced', () => {
    const fleet = fleetOf(['a']);
    fleet.submit(ONE, always, 0);
    const first = fleet.assignments(0).assignments[0];
    join(fleet, 'b');
    fleet.cells('a', first.task.id, shifted(first.task, 1), 0);
    fleet.done('a', first.task.id, 0);
    expect(compute(fleet).events).toMatchObject([{ kind: 'cells-differ', workerIds: ['a', 'b'] }, {}]);
    expect(fleet.undecided).toMatchObject({ candidate: 3, row: 0 });
    expect(fleet.counters.divergentCells).toBe(1);
    expect(fleet.idle()).toBe(false);
    join(fleet, 'c');
    expect(fleet.undecided).toBeUndefined();
    const { corrected, events } = compute(fleet);
    expect(corrected).toEqual(taskCells(first.task));
    expect(events).toMatchObject([{ kind: 'worker-convicted', workerId: 'a' }, {}]);
    expect(fleet.idle()).toBe(true);
    expect(fleet.workers().map(({ id }) => id)).toEqual(['b', 'c']);
    const again = fleet.join(workerOf('a'), 0);
    expect(again).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('host-a computed') as string,
    });
  });

  it('are replaced wherever a convicted worker was the only one to vouch for them', () => {
    const fleet = fleetOf(['a'], { checkedShare: 0, confirmedRows: 1 });
    fleet.submit({ ...ONE, candidates: [3, 4, 5] }, always, 0);
    for (let i = 0; i < 3; i++) compute(fleet, { a: 1 });
    expect(fleet.idle()).toBe(true);
    for (const id of ['b', 'c']) join(fleet, id);
    fleet.confirm([], 4, 0);
    compute(fleet);
    const corrected: Cell[] = [];
    for (let i = 0; i < 4; i++) corrected.push(...compute(fleet).corrected);
    expect(corrected.map(({ candidate }) => candidate).sort()).toEqual([3, 4, 5]);
    expect(fleet.idle()).toBe(true);
  });

  it('are whole layers where the sweep tries whole layers', () => {
    const fleet = fleetOf(['a', 'b']);
    fleet.submit({ ...ONE, candidates: [2], unit: 'layer' }, always, 0);
    compute(fleet);
    expect(fleet.assignments(0).assignments).toMatchObject([{ task: { candidates: [2], unit: 'layer' } }]);
  });

  it('are given up when they have cost three workers', () => {
    const fleet = fleetOf(['a', 'b', 'c', 'd', 'e']);
    fleet.submit(ONE, always, 0);
    compute(fleet);
    for (let losses = 0; losses < 3; losses++) {
      expect(fleet.idle()).toBe(false);
      const [{ workerId }] = fleet.assignments(0).assignments;
      fleet.leave(workerId, 'lost', 'killed');
    }
    expect(fleet.idle()).toBe(true);
  });

  it('fail the run by name when three workers give three values', () => {
    const fleet = fleetOf(['a', 'b', 'c']);
    fleet.submit(ONE, always, 0);
    const lies = { a: 1, b: 2, c: 3 };
    compute(fleet, lies);
    compute(fleet, lies);
    expect(() => compute(fleet, lies)).toThrow(FleetError);
  });

  it('fail the run by name when a decision was made of one of two values', () => {
    const fleet = fleetOf(['a', 'b'], { checkedShare: 0 });
    fleet.submit(ONE, always, 0);
    const { workerId, task } = fleet.assignments(0).assignments[0];
    fleet.cells(workerId, task.id, taskCells(task), 0);
    fleet.submit({ ...ONE, base: [3], candidates: [4] }, always, 0);
    expect(() => fleet.cells(workerId, task.id, shifted(task, 1), 0)).toThrow(/a decision was made of it/);
  });
});

describe('the sample', () => {
  const ids = Array.from({ length: 4000 }, (_, i) => ({ mask: [], candidate: i % 8, row: i >> 3 }));

  it('is of about the share asked for, the same for the same seed', () => {
    const picked = (seed: number) => ids.filter((id) => isSampled(id, 0.05, seed));
    expect(picked(1).length).toBeGreaterThan(120);
    expect(picked(1).length).toBeLessThan(280);
    expect(picked(1)).toEqual(picked(1));
    expect(picked(1)).not.toEqual(picked(2));
    expect(ids.some((id) => isSampled(id, 0, 1))).toBe(false);
    expect(ids.every((id) => isSampled(id, 1, 1))).toBe(true);
  });
});
