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
    next.rows.every((row) => previous.rows.includes(row)) &&
    sameBlocks(maskBelow(previous.base, boundary), maskBelow(next.base, boundary))
  );
}

/**
 * Which of the queued tasks a worker gets: of those with the greatest lead, the first that goes on from its own latest
 * task; else the first that goes on from nobody's, so that others keep what is theirs; else the first. There always is
 * one: a worker takes what others have the lead in rather than wait, where the lead is smallest.
 * @param queued in queue order, at least one
 * @param lead how much more of a task's states the worker holds than any other, from -1 to 1
 */
export function chooseTask(
  queued: readonly Task[],
  own: Task | undefined,
  others: readonly Task[],
  lead: (task: Task) => number,
): Task {
  const leads = queued.map(lead);
  const greatest = leads.reduce((best, each) => Math.max(best, each), -Infinity);
  const tied = queued.filter((_, i) => leads[i] === greatest);
  return (
    (own && tied.find((task) => follows(own, task))) ??
    tied.find((task) => !others.some((other) => follows(other, task))) ??
    tied[0]
  );
}
