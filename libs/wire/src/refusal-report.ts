const WINDOW_MS = 60_000;

/** Refusals told one by one in each minute; the others are counted. */
const MAX_TOLD = 20;

/** Tells who was turned away and why, without letting a flood of strangers become a flood of log lines. */
export class RefusalReport {
  private readonly tell: (peer: string, reason: string) => void;
  private readonly nowMs: () => number;
  private windowStartMs = -Infinity;
  private told = 0;
  private untold = 0;

  constructor(tell: (peer: string, reason: string) => void, nowMs: () => number = () => performance.now()) {
    this.tell = tell;
    this.nowMs = nowMs;
  }

  add(peer: string, reason: string): void {
    if (this.nowMs() - this.windowStartMs >= WINDOW_MS) this.startOver();
    if (this.told < MAX_TOLD) {
      this.told++;
      this.tell(peer, reason);
    } else {
      this.untold++;
    }
  }

  /** Tells how many were only counted. */
  startOver(): void {
    if (this.untold > 0) this.tell('several peers', `${this.untold} more were turned away`);
    this.windowStartMs = this.nowMs();
    this.told = 0;
    this.untold = 0;
  }
}
