import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { always, denseWork, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';
import type { Fleet } from './fleet.ts';
import { cellsOf, type Task } from './task.ts';

function enlisted(fleet: Fleet, ids: readonly string[]): Fleet {
  for (const id of ids) {
    fleet.join(workerOf(id), 0);
    fleet.ready(id, 0, 2e8);
  }
  return fleet;
}

interface Held {
  readonly workerId: string;
  readonly task: Task;
}

/** Has all that is asked for computed, and says which cells were accepted. */
function finish(fleet: Fleet, held: Held[]): string[] {
  const accepted: string[] = [];
  for (let nowMs = 10; !fleet.idle(); nowMs += 10) {
    const { assignments, cancellations } = fleet.assignments(nowMs);
    held.push(...assignments);
    for (const { taskId } of cancellations)
      held.splice(
        held.findIndex(({ task }) => task.id === taskId),
        1,
      );
    const next = held.shift();
    if (next === undefined) throw new Error('cells are owed and nobody has them');
    const { workerId, task } = next;
    const delivery = fleet.cells(workerId, task.id, taskCells(task), nowMs);
    accepted.push(...delivery.accepted.map(({ candidate, row }) => `${candidate}/${row}`));
    fleet.done(workerId, task.id, nowMs);
  }
  return accepted;
}

describe('withdrawing', () => {
  it('gives cells that wait to nobody', () => {
    const fleet = enlisted(tinyFleet(), []);
    fleet.submit(denseWork(4, 8), always, 0);
    fleet.withdraw(({ candidate, row }) => candidate === 3 && row < 2, 0);
    expect(fleet.progress()).toMatchObject({ doneCells: 0, totalCells: 2 });
    expect(finish(enlisted(fleet, ['a']), []).sort()).toEqual(['3/0', '3/1']);
  });

  it('ends the work when nothing is wanted, and has workers told to give up what they hold', () => {
    const fleet = enlisted(tinyFleet(), ['a', 'b']);
    fleet.submit(denseWork(4, 8), always, 0);
    const { assignments } = fleet.assignments(0);
    expect(assignments.length).toBeGreaterThan(1);
    fleet.withdraw(() => false, 1);
    expect(fleet.idle()).toBe(true);
    const { cancellations } = fleet.assignments(2);
    expect(cancellations.map(({ taskId }) => taskId).sort()).toEqual(
      assignments.map(({ task }) => task.id).sort(),
    );
    const [{ workerId, task }] = assignments;
    const late = fleet.cells(workerId, task.id, taskCells(task), 3);
    expect(late).toMatchObject({ accepted: [], corrected: [], events: [] });
  });

  it('accepts of a task in hands what is still wanted, and nothing else', () => {
    const fleet = enlisted(tinyFleet(), ['a']);
    fleet.submit({ ...denseWork(4, 1), candidates: [1, 2], baseline: false }, always, 0);
    const held = fleet.assignments(0).assignments;
    fleet.withdraw(({ candidate }) => candidate === 2, 1);
    expect(finish(fleet, [...held])).toEqual(['2/0']);
  });

  it('can be asked for again', () => {
    const fleet = enlisted(tinyFleet(), ['a']);
    fleet.submit(denseWork(4, 2), always, 0);
    fleet.withdraw(() => false, 1);
    fleet.submit(denseWork(4, 2), always, 2);
    expect(new Set(finish(fleet, []))).toEqual(
      new Set(cellsOf(denseWork(4, 2)).map(({ candidate, row }) => `${candidate}/${row}`)),
    );
  });

  it('leaves owed what is wanted, at any time and whoever has it', () => {
    const steps = fc.array(
      fc.record({ wanted: fc.integer({ min: 0, max: 255 }), rows: fc.integer({ min: 1, max: 8 }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (moves, workers) => {
        const fleet = enlisted(tinyFleet(), ['a', 'b', 'c'].slice(0, workers));
        const held: Held[] = [];
        let wanted = new Set<string>();
        moves.forEach(({ wanted: bits, rows }, i) => {
          const work = { ...denseWork(4, rows), baseline: false };
          fleet.submit(work, always, i);
          for (const { candidate, row } of cellsOf(work)) wanted.add(`${candidate}/${row}`);
          held.push(...fleet.assignments(i).assignments);
          fleet.withdraw(({ candidate }) => ((bits >> candidate!) & 1) === 1, i);
          wanted = new Set([...wanted].filter((cell) => ((bits >> Number(cell.split('/')[0])) & 1) === 1));
          expect(fleet.progress().totalCells).toBe(fleet.idle() ? fleet.progress().totalCells : wanted.size);
        });
        const accepted = finish(fleet, held);
        expect(new Set(accepted)).toEqual(wanted);
        expect(accepted).toHaveLength(wanted.size);
      }),
    );
  });
});

describe('more of what is under way', () => {
  it('leaves alone what runs ahead of it', () => {
    const fleet = enlisted(tinyFleet(), ['a']);
    const next = { ...denseWork(4, 8), base: [7], candidates: [0, 1, 2, 3, 4, 5, 6], baseline: false };
    fleet.submit({ ...denseWork(4, 1) }, always, 0);
    const held: Held[] = fleet.assignments(0).assignments;
    fleet.runAhead(next, always, 1);
    fleet.submit({ ...denseWork(4, 2), rows: [1] }, always, 2);
    const accepted = finish(fleet, held);
    expect(accepted.length).toBeGreaterThanOrEqual(18);
    const begun = [...held, ...fleet.assignments(900).assignments].filter(
      ({ task }) => task.base.length === 1,
    );
    expect(begun.length).toBeGreaterThan(0);
    fleet.submit(next, always, 901);
    expect(fleet.progress().totalCells).toBe(7 * 8);
    expect(fleet.assignments(902).cancellations).toEqual([]);
  });

  it('takes over all that ran ahead, also what is asked for only later', () => {
    const fleet = enlisted(tinyFleet(), ['a']);
    const next = { ...denseWork(4, 8), base: [7], candidates: [0, 1, 2, 3, 4, 5, 6], baseline: false };
    fleet.submit({ ...denseWork(4, 1), candidates: [0], baseline: false }, always, 0);
    const [{ workerId, task }] = fleet.assignments(0).assignments;
    fleet.runAhead(next, always, 1);
    const held: Held[] = fleet.assignments(900).assignments;
    expect(held.map(({ task: ahead }) => ahead.base)).toEqual([[7]]);
    fleet.cells(workerId, task.id, taskCells(task), 901);
    fleet.done(workerId, task.id, 901);
    fleet.submit({ ...next, rows: [2] }, always, 902);
    fleet.submit(next, always, 903);
    expect(finish(fleet, held)).toHaveLength(7 * 8);
    expect(fleet.assignments(9000).assignments).toEqual([]);
  });
});
