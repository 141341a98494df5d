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
  lost: readonly LostWorker[];
  /** What it is taken to cost its worker; 0 until it has one. */
  flops: number;
  /** Whether its cells are there already and computed once more, to be compared. */
  readonly isCheck: boolean;
  /** A task of another worker with some of the same cells: what one delivers, the other owes no more. */
  twin: OpenTask | null;
  /** Whether it ever had a twin. */
  isCopied: boolean;
}

export function openTask(
  id: string,
  work: Work,
  lost: readonly LostWorker[] = [],
  isCheck = false,
): OpenTask {
  const candidates = cellCandidates(work);
  return {
    task: { ...work, id },
    remaining: new Map(work.rows.map((row) => [row, new Set(candidates)])),
    lost,
    flops: 0,
    isCheck,
    twin: null,
    isCopied: false,
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
export function owedWork(open: OpenTask): Work[] {
  return missingWork(open.task, (id) => owes(open, id));
}

/** Takes a delivered cell off what the task and its twin owe. */
export function settle(open: OpenTask, id: CellId): void {
  for (const { remaining } of open.twin ? [open, open.twin] : [open]) {
    const candidates = remaining.get(id.row);
    candidates?.delete(id.candidate);
    if (candidates?.size === 0) remaining.delete(id.row);
  }
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

/** Makes two tasks with some of the same cells twins. */
export function pair(a: OpenTask, b: OpenTask): void {
  a.twin = b;
  b.twin = a;
  a.isCopied = true;
  b.isCopied = true;
}
