import { makeMask } from '@blockpruner/blocks';
import { cellKey } from '@blockpruner/perplexity';
import { expect, it } from 'vitest';
import type { Fleet } from '../src/fleet.ts';
import { cellCount, type Work } from '../src/task.ts';
import { always, denseWork, taskCells, tinyFleet, workerOf } from './tiny-fleet.ts';

const TICK_MS = 50;
let nowMs = 0;

/**
 * Runs one sweep to its end; each worker computes `speed` cells a tick.
 * @returns by row and candidate, whose value was taken
 */
function sweepOnce(fleet: Fleet, work: Work, speed: Readonly<Record<string, number>>): Map<string, string> {
  const by = new Map<string, string>();
  const ids = Object.keys(speed);
  const hands = new Map(
    ids.map((id) => [id, [] as { taskId: string; cells: ReturnType<typeof taskCells> }[]]),
  );
  const perTick = Object.values(speed).reduce((sum, each) => sum + each, 0);
  const unassigned = (): number =>
    [...hands.values()].flat().reduce((count, { cells }) => count - cells.length, cellCount(work) - by.size);
  fleet.submit(work, always, nowMs);
  while (!fleet.idle()) {
    const { assignments, cancellations } = fleet.assignments(nowMs);
    for (const { workerId, task } of assignments)
      hands.get(workerId)!.push({ taskId: task.id, cells: taskCells(task) });
    for (const { workerId, taskId } of cancellations)
      hands.set(
        workerId,
        hands.get(workerId)!.filter((held) => held.taskId !== taskId),
      );
    nowMs += TICK_MS;
    for (const id of ids) {
      if (hands.get(id)!.length === 0)
        expect(unassigned(), `${id} waits at ${nowMs} ms`).toBeLessThan(2 * perTick);
      for (let count = speed[id]; count > 0 && hands.get(id)!.length > 0; count--) {
        const [running] = hands.get(id)!;
        const cell = running.cells.shift()!;
        for (const taken of fleet.cells(id, running.taskId, [cell], nowMs).accepted)
          by.set(cellKey({ ...taken, mask: [] }), id);
        if (running.cells.length > 0) continue;
        fleet.done(id, running.taskId, nowMs);
        hands.get(id)!.shift();
      }
      fleet.heartbeat(id, nowMs);
    }
  }
  return by;
}

function fleetOf(ids: readonly string[], rowCount: number): Fleet {
  const fleet = tinyFleet({ rowTokens: new Array<number>(rowCount).fill(32), maxTasksPerWorker: 1 });
  for (const id of ids) {
    fleet.join(workerOf(id), nowMs);
    fleet.ready(id, nowMs);
  }
  return fleet;
}

function without(work: Work, removed: number): Work {
  return {
    ...work,
    base: makeMask([...work.base, removed]),
    candidates: work.candidates.filter((block) => block !== removed),
  };
}

/** Of what a worker had before, what it has again. */
function keptShare(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  id: string,
): number {
  const had = [...after.keys()].filter((key) => before.get(key) === id);
  return had.filter((key) => after.get(key) === id).length / had.length;
}

const sameShare = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): number =>
  [...b].filter(([key, id]) => a.get(key) === id).length / b.size;

it('gives each worker the cells it had in the iteration before, whether rows are cut or candidates', () => {
  for (const rowCount of [40, 2]) {
    const fleet = fleetOf(['a', 'b'], rowCount);
    const work = denseWork(4, rowCount);
    const first = sweepOnce(fleet, work, { a: 1, b: 1 });
    const second = sweepOnce(fleet, without(work, 5), { a: 1, b: 1 });
    expect(new Set(first.values())).toEqual(new Set(['a', 'b']));
    expect(sameShare(first, second), `${rowCount} rows`).toBeGreaterThan(0.8);
  }
});

it('follows a worker to wherever it was moved, iteration after iteration', () => {
  const fleet = fleetOf(['a', 'b', 'c'], 60);
  let work = denseWork(4, 60);
  sweepOnce(fleet, work, { a: 1, b: 2, c: 3 }); // after which their speeds are known
  work = without(work, 4);
  let before = sweepOnce(fleet, work, { a: 1, b: 2, c: 3 });
  for (const removed of [6, 2]) {
    work = without(work, removed);
    const after = sweepOnce(fleet, work, { a: 1, b: 2, c: 3 });
    expect(sameShare(before, after)).toBeGreaterThan(0.8);
    before = after;
  }
});

it('lets a worker that has become faster take what others had', () => {
  const fleet = fleetOf(['a', 'b'], 40);
  const work = denseWork(4, 40);
  const first = sweepOnce(fleet, work, { a: 1, b: 1 });
  const second = sweepOnce(fleet, without(work, 5), { a: 4, b: 1 });
  const countOf = (by: ReadonlyMap<string, string>, id: string): number =>
    [...by.values()].filter((each) => each === id).length;
  expect(countOf(first, 'a') / first.size).toBeLessThan(0.6);
  expect(countOf(second, 'a') / second.size).toBeGreaterThan(0.7);
  expect(keptShare(first, second, 'a')).toBe(1);
});

it('shares the cells of a worker that has left among those that are there', () => {
  const fleet = fleetOf(['a', 'b', 'c'], 30);
  const work = denseWork(4, 30);
  const first = sweepOnce(fleet, work, { a: 1, b: 1, c: 1 });
  fleet.leave('b', 'drained', 'scaled down');
  const second = sweepOnce(fleet, without(work, 5), { a: 1, c: 1 });
  expect(new Set(second.values())).toEqual(new Set(['a', 'c']));
  for (const id of ['a', 'c']) expect(keptShare(first, second, id)).toBeGreaterThan(0.8);
});
