import type { BlockIndex } from '@blockpruner/blocks';
import type { Costs } from './costs.ts';
import type { Leases } from './leases.ts';
import { forksOf, lotsOfWork, splitLot, type Lot } from './lot.ts';
import { owedWork } from './open-task.ts';
import type { Speeds } from './speeds.ts';

/** A worker that is silent for so many times what a cell takes it may need as long again. */
const LATE = 2;
/** How many of those that will be done latest are worth a look. */
const RANKED = 8;
/** How long the ranking is believed: it looks at all workers, and many ask for it at once. */
const BELIEVED_MS = 20;

/** When workers are expected to be done, by their speeds and by what they have not delivered. */
export class Outlook {
  private readonly costs: Costs;
  private readonly blockCount: number;
  private readonly leases: Leases;
  private readonly speeds: Speeds;
  private ranking: { readonly atMs: number; readonly ids: readonly string[] } | undefined;

  constructor(costs: Costs, blockCount: number, leases: Leases, speeds: Speeds) {
    this.costs = costs;
    this.blockCount = blockCount;
    this.leases = leases;
    this.speeds = speeds;
  }

  /** How long a worker needs for the tasks it has in hand. */
  busyMs(workerId: string, nowMs: number): number {
    const lots = this.leases.held(workerId).flatMap(owedWork).flatMap(lotsOfWork);
    if (lots.length === 0) return 0;
    const neededMs = this.neededMs(workerId, lots);
    const silentMs = nowMs - this.leases.progressMs(workerId);
    const cellMs = this.neededMs(workerId, [splitLot(lots[0], 1)[0]!]);
    return silentMs > LATE * cellMs ? neededMs + silentMs : Math.max(0, neededMs - silentMs);
  }

  /** For lots to which the worker has walked already. */
  neededMs(workerId: string, lots: readonly Lot[]): number {
    const start = (lot: Lot): BlockIndex => forksOf(lot, this.blockCount)[0];
    const flops = lots.reduce((sum, lot) => sum + this.costs.row(lot, lot.row, start(lot)), 0);
    return flops / this.speeds.of(workerId);
  }

  /** The workers that will be done latest with what they have in hand, the last first, of those that are asked for. */
  latest(
    workers: readonly { readonly id: string }[],
    isAskedFor: (workerId: string) => boolean,
    nowMs: number,
  ): readonly string[] {
    if (this.ranking && nowMs - this.ranking.atMs < BELIEVED_MS) return this.ranking.ids;
    const ids = workers
      .filter(({ id }) => isAskedFor(id))
      .map(({ id }) => ({ id, busyMs: this.busyMs(id, nowMs) }))
      .sort((a, b) => b.busyMs - a.busyMs)
      .slice(0, RANKED)
      .map(({ id }) => id);
    this.ranking = { atMs: nowMs, ids };
    return ids;
  }

  /** What waits, or who is there, has changed. */
  forget(): void {
    this.ranking = undefined;
  }
}
