import { describe, expect, it } from 'vitest';
import { always, denseWork, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';

const PEAK = 2e8;

describe('the state of a fleet', () => {
  it('counts each worker once, by what it can do', () => {
    const fleet = tinyFleet();
    expect(fleet.state.workers).toEqual({ loading: 0, ready: 0, draining: 0 });
    for (const id of ['a', 'b', 'c']) fleet.join(workerOf(id), 0);
    expect(fleet.state.workers).toEqual({ loading: 3, ready: 0, draining: 0 });
    for (const id of ['a', 'b']) fleet.ready(id, 1);
    fleet.drain('a', '', 'SIGTERM', 2);
    fleet.drain('c', '', 'SIGTERM', 2);
    expect(fleet.state.workers).toEqual({ loading: 0, ready: 1, draining: 2 });
    fleet.leave('a', 'drained', 'SIGTERM');
    fleet.leave('b', 'lost', 'killed');
    expect(fleet.state.workers).toEqual({ loading: 0, ready: 0, draining: 1 });
  });

  it('counts rows that wait, tasks in hands, and tasks that are to be tried again', () => {
    const fleet = tinyFleet({ leaseMs: 100, heartbeatTimeoutMs: 1e9 });
    fleet.submit(denseWork(4, 8), always, 0);
    expect(fleet.state.tasks).toEqual({ pending: 8, leased: 0 });
    fleet.join(workerOf('a'), 0);
    fleet.ready('a', 0);
    fleet.assignments(0);
    expect(fleet.state.tasks.leased).toBe(2);
    expect(fleet.state.tasks.pending).toBeGreaterThan(0);
    expect(fleet.counters.leasesExpired).toBe(0);
    fleet.expire(100);
    expect(fleet.counters.leasesExpired).toBe(1);
    expect(fleet.state.tasks.leased).toBe(0);
    fleet.withdraw(() => false, 100);
    expect(fleet.state.tasks).toEqual({ pending: 0, leased: 0 });
  });

  it('knows how fast a worker is once one has said or shown it', () => {
    const fleet = tinyFleet({ maxTasksPerWorker: 1 });
    expect(fleet.state.workerFlopsPerSecond).toBeUndefined();
    fleet.join(workerOf('a'), 0);
    expect(fleet.state.workerFlopsPerSecond).toBeUndefined();
    fleet.ready('a', 0, PEAK);
    expect(fleet.state.workerFlopsPerSecond).toBe(PEAK);
    fleet.submit(denseWork(4, 8), always, 0);
    const [{ task }] = fleet.assignments(0).assignments;
    fleet.cells('a', task.id, taskCells(task), 50_000);
    fleet.done('a', task.id, 50_000);
    const measured = fleet.state.workerFlopsPerSecond ?? NaN;
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThan(PEAK);
    fleet.join(workerOf('b'), 50_000);
    fleet.ready('b', 50_000, 2 * PEAK);
    expect(fleet.state.workerFlopsPerSecond).toBeCloseTo((measured + 2 * measured) / 2);
  });
});
