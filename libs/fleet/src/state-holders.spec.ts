import { describe, expect, it } from 'vitest';
import { StateHolders } from './state-holders.ts';
import { cellsOf, type Task } from './task.ts';

const task = (id: string, rows: number[], candidates: number[], base: number[] = []): Task => ({
  id,
  base,
  candidates,
  baseline: false,
  rows,
});

function holdersOf(computed: Record<string, Task>): StateHolders {
  const holders = new StateHolders();
  for (const [id, done] of Object.entries(computed)) {
    for (const cell of cellsOf(done)) holders.computed(id, cell);
  }
  return holders;
}

const others = new Set(['b']);

describe('StateHolders', () => {
  it('gives a worker the task most of whose cells it computed on the mask before', () => {
    const holders = holdersOf({ a: task('t1', [0, 2], [0, 1, 2, 3]), b: task('t2', [1, 3], [0, 1, 2, 3]) });
    const queued = [
      task('u1', [0, 1], [0, 1, 2], [3]),
      task('u2', [3], [0, 1, 2], [3]),
      task('u3', [2], [0, 1], [3]),
    ];
    expect(holders.choose(queued, 'a', others).id).toBe('u3');
    expect(holders.choose(queued, 'b', new Set(['a'])).id).toBe('u2');
  });

  it('counts the cells of ranges, not only of rows', () => {
    const holders = holdersOf({ a: task('t1', [0], [0, 1, 2, 3]), b: task('t2', [0], [4, 5, 6, 7]) });
    const queued = [
      task('u1', [0], [4, 6, 7], [5]),
      task('u2', [0], [2, 3, 4], [5]),
      task('u3', [0], [0, 1], [5]),
    ];
    expect(holders.choose(queued, 'a', others).id).toBe('u3');
    expect(holders.choose(queued.slice(0, 2), 'a', others).id).toBe('u2');
    expect(holders.choose(queued, 'b', new Set(['a'])).id).toBe('u1');
  });

  it('leaves to others what they hold while there is anything else, and takes it where there is not', () => {
    const holders = holdersOf({ b: task('t1', [0], [0, 1]), gone: task('t2', [1], [0, 1]) });
    const queued = [task('u1', [0], [0], [1]), task('u2', [1], [0], [1])];
    expect(holders.choose(queued, 'a', others).id).toBe('u2');
    expect(holders.choose(queued.slice(0, 1), 'a', others).id).toBe('u1');
  });

  it('counts a cell for the worker that computed it last', () => {
    const holders = holdersOf({ b: task('t1', [0, 1], [0, 1]), a: task('t2', [1], [0], [1]) });
    const queued = [task('u1', [0], [0], [1, 2]), task('u2', [1], [0], [1, 2])];
    expect(holders.choose(queued, 'a', others).id).toBe('u2');
    expect(holders.choose(queued, 'b', new Set(['a'])).id).toBe('u1');
  });

  it('forgets the latest task of a worker that has left', () => {
    const holders = new StateHolders();
    holders.given('b', task('t1', [0], [0, 1]));
    const queued = [task('u1', [0], [2, 3]), task('u2', [1], [0, 1])];
    expect(holders.choose(queued, 'a', others).id).toBe('u2');
    holders.left('b');
    expect(holders.choose(queued, 'a', others).id).toBe('u1');
  });
});
