/**
 * How far the present work is: all that was submitted since the fleet was last idle. The rate counts each
 * cell as its row's tokens, from the first lease of that work.
 */
export class Progress {
  totalCells = 0;
  doneCells = 0;
  totalFlops = 0;
  private doneTokens = 0;
  private startedMs: number | undefined;

  reset(): void {
    this.totalCells = 0;
    this.doneCells = 0;
    this.totalFlops = 0;
    this.doneTokens = 0;
    this.startedMs = undefined;
  }

  submitted(cells: number, flops: number): void {
    this.totalCells += cells;
    this.totalFlops += flops;
  }

  leased(nowMs: number): void {
    this.startedMs ??= nowMs;
  }

  delivered(tokens: number): void {
    this.doneCells++;
    this.doneTokens += tokens;
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
  /** Tasks taken back by loss, drain, expiry or failure with cells still owed. */
  retries: number;
  workersLost: number;
  duplicateCells: number;
  protocolFaults: number;
}
