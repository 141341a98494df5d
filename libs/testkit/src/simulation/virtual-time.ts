interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/**
 * A clock that stands still while something happens, and jumps to what is due next.
 *
 * Invariants:
 * 1. Actions run in the order of their times; those of the same time in the order in which they were set.
 */
export class VirtualTime {
  nowMs = 0;
  /** A heap: each before its two children. */
  private readonly due: Due[] = [];
  private count = 0;

  after(delayMs: number, action: () => void): void {
    this.due.push({ atMs: this.nowMs + delayMs, order: this.count++, action });
    for (let child = this.due.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (isBefore(this.due[parent], this.due[child])) break;
      this.swap(parent, child);
      child = parent;
    }
  }

  /** @returns once nothing is due, or the condition holds, or time is up */
  run(isOver: () => boolean, limitMs: number): void {
    while (!isOver()) {
      const next = this.pop();
      if (next === undefined || next.atMs > limitMs) return;
      this.nowMs = next.atMs;
      next.action();
    }
  }

  private pop(): Due | undefined {
    const first = this.due[0];
    const last = this.due.pop();
    if (this.due.length > 0 && last) {
      this.due[0] = last;
      for (let parent = 0; ;) {
        const [left, right] = [2 * parent + 1, 2 * parent + 2];
        const child = right < this.due.length && isBefore(this.due[right], this.due[left]) ? right : left;
        if (child >= this.due.length || isBefore(this.due[parent], this.due[child])) break;
        this.swap(parent, child);
        parent = child;
      }
    }
    return first;
  }

  private swap(a: number, b: number): void {
    [this.due[a], this.due[b]] = [this.due[b], this.due[a]];
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
