import { describe, expect, it } from 'vitest';
import { always, denseWork, taskCells, tinyFleet, workerOf } from '../test/tiny-fleet.ts';

describe('the numeric class of a run', () => {
  it('is the first worker’s, and another is refused with a line that names both and the way out', () => {
    const fleet = tinyFleet();
    expect(fleet.join(workerOf('a'), 0)).toMatchObject({ accepted: true });
    expect(fleet.join(workerOf('b', 'gpu-b'), 0)).toMatchObject({
      accepted: false,
      reason:
        'worker host-b computes in numeric class "gpu-b", but worker host-a fixed this run\'s class as "cpu-a": ' +
        'start workers of that class, or the run with --mixed-classes',
    });
    expect(fleet.numericClass).toBe('cpu-a');
  });

  it('stays when its workers have left, and that of a resumed run', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    fleet.leave('a', 'drained', 'scaled down');
    expect(fleet.join(workerOf('b', 'gpu-b'), 0).accepted).toBe(false);
    expect(tinyFleet({ numericClass: 'gpu-b' }).join(workerOf('a'), 0)).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('the cells of the run so far fixed') as string,
    });
  });

  it('does not keep out a worker where classes are mixed', () => {
    const fleet = tinyFleet({ numericClass: 'cpu-c', mixedClasses: true });
    expect(fleet.join(workerOf('a'), 0)).toMatchObject({ accepted: true });
    expect(fleet.join(workerOf('b', 'gpu-b'), 0)).toMatchObject({ accepted: true });
    expect(fleet.numericClass).toBe('cpu-c');
  });
});

describe('a delivery', () => {
  it('is in fp32 where that was asked for, also when the task was halved', () => {
    const fleet = tinyFleet();
    fleet.join(workerOf('a'), 0);
    fleet.ready('a', 0);
    fleet.submit({ ...denseWork(4, 1), inFp32: true }, always, 0);
    fleet.assignments(0);
    const lose = (): void => {
      for (const taskId of fleet.workers()[0].taskIds) fleet.failed('a', taskId, 'once more', 0);
    };
    lose();
    fleet.assignments(0);
    lose();
    const { assignments } = fleet.assignments(0);
    expect(assignments.length).toBeGreaterThan(0);
    for (const { task } of assignments) {
      const cells = taskCells(task);
      expect(fleet.cells('a', task.id, cells, 0)).toMatchObject({ inFp32: true, accepted: cells });
    }
    fleet.submit(denseWork(4, 2), always, 0);
    expect(fleet.assignments(0).assignments.map(({ task }) => task.inFp32 ?? false)).not.toContain(true);
  });
});
