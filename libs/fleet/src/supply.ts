import type { BlockIndex } from '@blockpruner/blocks';
import type { CellId } from '@blockpruner/perplexity';
import { rowsToCompute, type CellDemand } from './demand.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { Fleet } from './fleet.ts';

/**
 * Keeps a fleet supplied with the cells that a search wants, as that becomes known.
 *
 * Invariants:
 * 1. What is wanted is asked for again when the fleet has nothing left, and, while rows are still for later, whenever cells
 *    have come.
 * 2. The fleet owes no cell that is not wanted: not after what is wanted has changed, and none once nothing is.
 */
export class CellSupply {
  private readonly fleet: Fleet;
  private readonly next: () => CellDemand | null;
  private readonly isMissing: (id: CellId) => boolean;
  private demand: CellDemand | null = null;
  private isStale = true;
  private isOver = false;

  /** @param next what is wanted by now; null: nothing more */
  constructor(fleet: Fleet, next: () => CellDemand | null, isMissing: (id: CellId) => boolean) {
    this.fleet = fleet;
    this.next = next;
    this.isMissing = isMissing;
  }

  /** Cells have come, or were replaced. */
  cellsCame(): void {
    if (this.demand !== null && this.demand.laterRows.length > 0) this.isStale = true;
  }

  /** Brings what the fleet owes up to date. */
  refill(nowMs: number): FleetEvent[] {
    const { fleet } = this;
    if (this.isOver || (!this.isStale && !fleet.idle())) return []; // (1)
    const before = this.demand;
    this.demand = this.next();
    this.isStale = false;
    if (this.demand === null) {
      this.isOver = true;
      fleet.withdraw(() => false, nowMs); // (2)
      return [];
    }
    const { sweep } = this.demand;
    if (before !== null && before.sweep.candidates.length !== sweep.candidates.length) {
      const wanted = new Set<BlockIndex | null>([...sweep.candidates, ...(sweep.baseline ? [null] : [])]);
      fleet.withdraw(({ candidate }) => wanted.has(candidate), nowMs); // (2)
    }
    const rows = rowsToCompute(this.demand, fleet.readyCount, this.isMissing);
    return fleet.submit({ ...sweep, rows }, this.isMissing, nowMs);
  }
}
