import { describe, expect, it } from 'vitest';
import { chooseTask, follows } from './affinity.ts';
import type { Task } from './task.ts';

const task = (id: string, row: number, candidates: number[], base: number[] = []): Task => ({
  id,
  base,
  candidates,
  baseline: false,
  rows: [row],
});

describe('follows', () => {
  const previous = task('a', 0, [4, 5, 6], [2, 9]);

  it('holds for later candidates of the same row', () => {
    expect(follows(previous, task('b', 0, [7, 8], [2, 9]))).toBe(true);
    expect(follows(previous, task('b', 1, [7, 8], [2, 9]))).toBe(false);
    expect(follows(previous, task('b', 0, [6, 7], [2, 9]))).toBe(false);
  });

  it('looks at the removed blocks below the boundary only', () => {
    expect(follows(previous, task('b', 0, [8], [2]))).toBe(true);
    expect(follows(previous, task('b', 0, [8], [2, 3]))).toBe(false);
  });

  it('holds for the baseline that is left alone', () => {
    expect(follows(previous, { ...task('b', 0, [], [2, 9]), baseline: true })).toBe(true);
  });
});

describe('chooseTask', () => {
  const queued = [task('a', 0, [4, 5]), task('b', 0, [6, 7]), task('c', 1, [4, 5]), task('d', 2, [0, 1])];
  const none = () => 0;
  const leads = (byId: Record<string, number>) => (each: Task) => byId[each.id] ?? 0;

  it('prefers the following range of the row that the worker has', () => {
    expect(chooseTask(queued, task('x', 1, [0, 3]), [], none).id).toBe('c');
  });

  it('leaves to other workers what follows their rows', () => {
    expect(chooseTask(queued, undefined, [task('x', 0, [0, 3]), task('y', 1, [3])], none).id).toBe('d');
  });

  it('takes the first where every task follows somebody', () => {
    expect(chooseTask(queued.slice(0, 2), undefined, [task('x', 0, [0, 3])], none).id).toBe('a');
  });

  it('puts a lead in states above all else, and what nobody has above what others have', () => {
    const own = task('x', 1, [0, 3]);
    expect(chooseTask(queued, own, [], leads({ a: 0.2, b: 0.9, c: 0.5, d: -1 })).id).toBe('b');
    expect(chooseTask(queued, own, [], leads({ a: -1, b: -0.5, c: -0.5 })).id).toBe('d');
    expect(chooseTask(queued, own, [], leads({ a: -1, b: -0.5, c: -0.7, d: -1 })).id).toBe('b');
  });

  it('goes on from the latest task among those of equal lead', () => {
    expect(chooseTask(queued, task('x', 1, [0, 3]), [], leads({ a: 1, c: 1, d: 1 })).id).toBe('c');
  });
});
