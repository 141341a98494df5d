import { maskBelow } from '@blockpruner/blocks';
import { sameBlocks, type Task } from './task.ts';

/**
 * Whether `next` goes on where `previous` ends: the same rows, later candidates, and a baseline whose states
 * at the end of `previous` are those that `next` starts from (row, boundary and the blocks removed below it).
 */
export function follows(previous: Task, next: Task): boolean {
  const boundary = previous.candidates.at(-1);
  const first = next.candidates.at(0);
  return (
    boundary !== undefined &&
    (first === undefined || first > boundary) &&
    sameBlocks(maskBelow(previous.base, boundary), maskBelow(next.base, boundary)) &&
    next.rows.every((row) => previous.rows.includes(row))
  );
}

/**
 * Which of the queued tasks a worker gets: the first that goes on from its own latest task; else the first
 * that goes on from nobody's, so that others keep what is theirs; else the first.
 * @param queued in queue order, at least one
 */
export function chooseTask(queued: readonly Task[], own: Task | undefined, others: readonly Task[]): Task {
  return (
    (own && queued.find((task) => follows(own, task))) ??
    queued.find((task) => !others.some((other) => follows(other, task))) ??
    queued[0]
  );
}
