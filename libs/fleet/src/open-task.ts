import type { BlockIndex } from '@blockpruner/blocks';
import { windowCount, type Cell, type CellId } from '@blockpruner/perplexity';
import { missingWork } from './cut.ts';
import { cellCandidates, sameBlocks, type Sizes, type Task, type Work } from './task.ts';

/** A worker that a task was taken from by its loss or failure. */
export interface LostWorker {
  readonly id: string;
  readonly name: string;
}

/** A task with the cells it still owes. */
export interface OpenTask {
  readonly task: Task;
  /** Row → candidates not yet delivered (null: the baseline); a row without any is absent. */
  readonly remaining: Map<number, Set<BlockIndex | null>>;
  /** Oldest first; what this task was cut from counts too. */
  readonly lost: readonly LostWorker[];
}

export function openTask(id: string, work: Work, lost: readonly LostWorker[]): OpenTask {
  const candidates = cellCandidates(work);
  return {
    task: { ...work, id },
    remaining: new Map(work.rows.map((row) => [row, new Set(candidates)])),
    lost,
  };
}

export function owes(open: OpenTask, id: CellId): boolean {
  return open.remaining.get(id.row)?.has(id.candidate) ?? false;
}

export function owedCount(open: OpenTask): number {
  let count = 0;
  for (const candidates of open.remaining.values()) count += candidates.size;
  return count;
}

/** The cells still owed, as work. */
export function owedWork(sizes: Sizes, open: OpenTask): Work[] {
  return missingWork(sizes, open.task, (id) => owes(open, id));
}

/** Takes a delivered cell off what is owed. */
export function settle(open: OpenTask, id: CellId): void {
  const candidates = open.remaining.get(id.row);
  candidates?.delete(id.candidate);
  if (candidates?.size === 0) open.remaining.delete(id.row);
}

/** Why a cell cannot be one of the task's, or null where it is. */
export function cellFault(sizes: Sizes, { task }: OpenTask, cell: Cell): string | null {
  if (!sameBlocks(cell.mask, task.base)) return 'a cell of another mask';
  if (!task.rows.includes(cell.row)) return `a cell of row ${cell.row}, which the task does not have`;
  const isAsked = cell.candidate === null ? task.baseline : task.candidates.includes(cell.candidate);
  if (!isAsked) {
    return cell.candidate === null
      ? 'a baseline cell that the task does not have'
      : `a cell of candidate ${cell.candidate}, which the task does not have`;
  }
  const windows = windowCount(sizes.rowTokens[cell.row]);
  return cell.windowSums.length === windows
    ? null
    : `${cell.windowSums.length} window sums for row ${cell.row}, which has ${windows}`;
}
