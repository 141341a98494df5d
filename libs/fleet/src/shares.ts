import type { BlockIndex } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import type { Costs } from './costs.ts';
import { forksOf, isAlike, lotsOf, lotSize, splitLot, workOf, type Lot } from './lot.ts';
import { partition } from './partition.ts';
import { divide, type Division } from './steal.ts';
import { cellCandidates, cellsOf, type Work } from './task.ts';

/** A worker as one that shares work. */
export interface Sharer {
  readonly id: string;
  /** FLOPs per millisecond. */
  readonly speed: number;
  /** Until it is done with the tasks in its hands. */
  readonly busyMs: number;
}

/**
 * The cells that wait, divided among the workers that are to compute them.
 *
 * Invariants:
 * 1. A lot is in the share of one worker, or in nobody's, and then in the pool: never in two places, never lost.
 * 2. Lots of a share are in the order in which its worker takes them: tasks come off the front, thieves off the back.
 */
export class Shares {
  private readonly costs: Costs;
  private readonly blockCount: number;
  private readonly byWorker = new Map<string, Lot[]>();
  private pool: Lot[] = [];

  constructor(costs: Costs, blockCount: number) {
    this.costs = costs;
    this.blockCount = blockCount;
  }

  /** Divides lots among workers so that all are done at the same time; to nobody where there is none. */
  spread(lots: readonly Lot[], workers: readonly Sharer[]): void {
    if (workers.length === 0) {
      this.pool.push(...lots);
      return;
    }
    const speeds = workers.map(({ speed }) => speed);
    partition(this.costs, this.blockCount, lots, speeds).forEach((share, i) => {
      if (share.length > 0) this.byWorker.set(workers[i].id, [...this.of(workers[i].id), ...share]);
    });
  }

  /** Lots for whoever comes first, before those that wait already: they were begun, and no iteration is to hang on them. */
  add(lots: readonly Lot[]): void {
    this.pool = [...lots, ...this.pool];
  }

  /** Takes over all that waits in other shares, each worker's behind its own. */
  absorb(other: Shares): void {
    for (const [workerId, share] of other.byWorker) this.set(workerId, [...this.of(workerId), ...share]);
    this.add(other.pool);
    other.clear();
  }

  /** Whether there is something for the worker without taking it from another. */
  hasFor(workerId: string): boolean {
    return this.pool.length > 0 || this.byWorker.has(workerId);
  }

  /** Whether there is a share to steal from. */
  get hasShares(): boolean {
    return this.byWorker.size > 0;
  }

  get sharers(): { readonly id: string }[] {
    return Array.from(this.byWorker.keys(), (id) => ({ id }));
  }

  /** FLOPs that wait in a worker's share. */
  flopsOf(workerId: string): number {
    return this.of(workerId).reduce((sum, lot) => sum + this.costs.row(lot, lot.row), 0);
  }

  /** FLOPs that wait in nobody's share. */
  get poolFlops(): number {
    return this.pool.reduce((sum, lot) => sum + this.costs.row(lot, lot.row), 0);
  }

  /** Lots that wait, in shares and in the pool. */
  get lotCount(): number {
    return [...this.byWorker.values()].reduce((sum, share) => sum + share.length, this.pool.length);
  }

  /** A worker gives its share back. */
  release(workerId: string): void {
    this.add(this.of(workerId));
    this.byWorker.delete(workerId);
  }

  /** Takes cells out of all lots. @returns those that were there */
  withdraw(isGone: (id: CellId) => boolean): CellId[] {
    const gone: CellId[] = [];
    const without = (lots: readonly Lot[]): Lot[] =>
      lots.flatMap((lot) => {
        const work = workOf([lot]);
        const superfluous = cellsOf(work).filter(isGone);
        if (superfluous.length === 0) return [lot];
        gone.push(...superfluous);
        return lotsOf(work, (id) => !isGone(id));
      });
    this.pool = without(this.pool);
    for (const [workerId, share] of [...this.byWorker]) this.set(workerId, without(share));
    return gone;
  }

  /** All that waits is wanted no more. */
  clear(): void {
    this.pool = [];
    this.byWorker.clear();
  }

  /**
   * Takes a task off the front of a worker's share, into which a lot of the pool comes where it is empty: at least one
   * cell, and else no more than the limit.
   * @param startOf where the worker starts on a lot
   */
  take(workerId: string, limitFlops: number, startOf: (lot: Lot) => BlockIndex): Work | null {
    const share = [...this.of(workerId)];
    if (share.length === 0) {
      const next = this.pool.shift();
      if (next === undefined) return null;
      share.push(next);
    }
    const first = share.shift()!;
    const { count, flops } = this.front(first, limitFlops, startOf(first));
    const [taken, rest] = splitLot(first, count);
    const lots = [taken!];
    let left = limitFlops - flops;
    if (rest) share.unshift(rest);
    else {
      while (share.length > 0 && isAlike(first, share[0])) {
        left -= this.costs.row(share[0], share[0].row, startOf(share[0]));
        if (left < 0) break;
        lots.push(share.shift()!);
      }
    }
    this.set(workerId, share);
    return workOf(lots);
  }

  /**
   * Moves to an idle worker what another would get to last, from the one that would be done latest of those whom it helps.
   * @returns what moved from whom; null where it would not help
   */
  steal(thief: Sharer, others: readonly Sharer[]): (Division & { readonly from: string }) | null {
    const latest = others
      .filter(({ id }) => id !== thief.id && this.byWorker.has(id))
      .map((victim) => ({ victim, doneMs: victim.busyMs + this.flopsOf(victim.id) / victim.speed }))
      .sort((a, b) => b.doneMs - a.doneMs);
    for (const { victim } of latest) {
      const lots = this.of(victim.id);
      const division = divide(this.costs, this.blockCount, { ...victim, lots }, thief.speed);
      if (division.taken.length === 0) continue;
      this.set(victim.id, division.kept);
      this.set(thief.id, [...this.of(thief.id), ...division.taken]);
      return { ...division, from: victim.id };
    }
    return null;
  }

  /** How many cells of a lot cost no more than the limit, at least one, and what they cost. */
  private front(lot: Lot, limitFlops: number, start: BlockIndex): { count: number; flops: number } {
    const { base, row } = lot;
    const forks = forksOf(lot, this.blockCount);
    const candidates = cellCandidates(lot);
    let at = start;
    let flops = 0;
    for (let count = 0; count < lotSize(lot); count++) {
      const cost =
        this.costs.walk(base, row, at, forks[count]) + this.costs.cell(lot, row, candidates[count]);
      if (count > 0 && flops + cost > limitFlops) return { count, flops };
      flops += cost;
      at = forks[count];
    }
    return { count: lotSize(lot), flops };
  }

  private of(workerId: string): readonly Lot[] {
    return this.byWorker.get(workerId) ?? [];
  }

  private set(workerId: string, share: Lot[]): void {
    if (share.length === 0) this.byWorker.delete(workerId);
    else this.byWorker.set(workerId, share);
  }
}
