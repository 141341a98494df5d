import type { BlockIndex } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import { chooseTask } from './affinity.ts';
import { cellCandidates, cellCount, type Task } from './task.ts';

/**
 * Which workers hold residual streams that a task can start from: those of the task that each was given last, and, across
 * iterations, those of the cells that each was the last to compute.
 *
 * Invariants:
 * 1. A cell counts for the worker that computed it in the latest sweep, whatever the base mask was.
 * 2. What is held is a guess, since workers drop states as they like: it decides who gets a task, never whether.
 */
export class StateHolders {
  private readonly latest = new Map<string, Task>();
  /** Row → candidate (null: the baseline) → worker. */
  private readonly computedBy = new Map<number, Map<BlockIndex | null, string>>();
  private readonly sharesOf = new WeakMap<Task, ReadonlyMap<string, number>>();

  given(workerId: string, task: Task): void {
    this.latest.set(workerId, task);
  }

  computed(workerId: string, { row, candidate }: CellId): void {
    const ofRow = this.computedBy.get(row);
    if (ofRow)
      ofRow.set(candidate, workerId); // (1)
    else this.computedBy.set(row, new Map([[candidate, workerId]]));
  }

  /** A worker has gone, and its states with it. */
  left(workerId: string): void {
    this.latest.delete(workerId);
  }

  /**
   * The queued task that the worker gets: the one of whose cells it holds most, over what any of the others holds.
   * @param queued in queue order, at least one
   * @param others the other workers that could get it
   */
  choose(queued: readonly Task[], workerId: string, others: ReadonlySet<string>): Task {
    const lead = (task: Task): number => {
      let best = 0;
      const shares = this.shares(task);
      for (const [id, share] of shares) if (others.has(id)) best = Math.max(best, share);
      return (shares.get(workerId) ?? 0) - best;
    };
    const theirs = [...others].flatMap((id) => this.latest.get(id) ?? []);
    return chooseTask(queued, this.latest.get(workerId), theirs, lead);
  }

  /** The share of a task's cells that each worker holds, counted once a task: what it starts from is older than it. */
  private shares(task: Task): ReadonlyMap<string, number> {
    let shares = this.sharesOf.get(task);
    if (shares === undefined) {
      shares = this.count(task);
      this.sharesOf.set(task, shares);
    }
    return shares;
  }

  private count(task: Task): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    const candidates = cellCandidates(task);
    for (const row of task.rows) {
      const ofRow = this.computedBy.get(row);
      for (const candidate of ofRow ? candidates : []) {
        const id = ofRow?.get(candidate);
        if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
    const cells = cellCount(task);
    return new Map([...counts].map(([id, count]) => [id, count / cells]));
  }
}
