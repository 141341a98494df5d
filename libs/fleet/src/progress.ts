/**
 * How far the present work is: all that was submitted since the fleet was last idle. Its FLOPs are those of whole
 * sweeps, however they are cut into tasks: a cell that arrives stands for its own and its share of the common walk.
 * The rate counts each cell as its row's tokens, from the first lease of that work.
 */
export class Progress {
  totalCells = 0;
  doneCells = 0;
  totalFlops = 0;
  private totalCellFlops = 0;
  private doneCellFlops = 0;
  private doneTokens = 0;
  private startedMs: number | undefined;

  reset(): void {
    this.totalCells = 0;
    this.doneCells = 0;
    this.totalFlops = 0;
    this.totalCellFlops = 0;
    this.doneCellFlops = 0;
    this.doneTokens = 0;
    this.startedMs = undefined;
  }

  /** @param cellFlops of the cells alone, without the walk of the baseline that leads to them */
  submitted(work: { readonly cells: number; readonly flops: number; readonly cellFlops: number }): void {
    this.totalCells += work.cells;
    this.totalFlops += work.flops;
    this.totalCellFlops += work.cellFlops;
  }

  leased(nowMs: number): void {
    this.startedMs ??= nowMs;
  }

  delivered(tokens: number, cellFlops: number): void {
    this.doneCells++;
    this.doneTokens += tokens;
    this.doneCellFlops += cellFlops;
  }

  /** A cell that is wanted no more, of so many FLOPs. */
  withdrawn(cellFlops: number): void {
    this.totalCells--;
    this.totalFlops -= (this.totalFlops * cellFlops) / this.totalCellFlops;
    this.totalCellFlops -= cellFlops;
  }

  get doneFlops(): number {
    if (this.doneCells === this.totalCells) return this.totalFlops; // to the last digit
    return (this.totalFlops * this.doneCellFlops) / this.totalCellFlops;
  }

  tokensPerSecond(nowMs: number): number {
    const elapsedMs = nowMs - (this.startedMs ?? nowMs);
    return elapsedMs > 0 ? (this.doneTokens * 1000) / elapsedMs : 0;
  }
}

/** What has happened since the fleet began. */
export interface FleetCounters {
  /** Leases given. */
  leases: number;
  /** Tasks finished. */
  tasksDone: number;
  /** Workers that delivered nothing within the lease of a task. */
  leasesExpired: number;
  /** Tasks taken back by loss, drain, expiry or failure with cells still owed. */
  retries: number;
  workersLost: number;
  /** Times that an idle worker took over what another had queued. */
  thefts: number;
  /** Times that an idle worker got a copy of what another had in hand. */
  copies: number;
  /** Cells that came again from a task that had delivered them, or from its twin. */
  duplicateCells: number;
  /** Times that two workers computed different values for a cell. */
  divergentCells: number;
  /** Cells that two workers have computed with the same result. */
  confirmedCells: number;
  protocolFaults: number;
}

export function newCounters(): FleetCounters {
  return {
    leases: 0,
    tasksDone: 0,
    leasesExpired: 0,
    retries: 0,
    workersLost: 0,
    thefts: 0,
    copies: 0,
    duplicateCells: 0,
    divergentCells: 0,
    confirmedCells: 0,
    protocolFaults: 0,
  };
}
