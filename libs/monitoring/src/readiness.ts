/** Whether a process does what it is there for, and in one line why not. */
export class Readiness {
  private current: string | null;
  private readonly listeners: ((reason: string | null) => void)[] = [];

  /** @param reason why it is not ready at its start */
  constructor(reason: string) {
    this.current = reason;
  }

  /** Why the process is not ready; null: it is. */
  get reason(): string | null {
    return this.current;
  }

  get isReady(): boolean {
    return this.current === null;
  }

  ready(): void {
    this.become(null);
  }

  /** @param reason one line */
  notReady(reason: string): void {
    this.become(reason);
  }

  /** The listener is told each new state; a further reason for not being ready is one. */
  onChange(listener: (reason: string | null) => void): void {
    this.listeners.push(listener);
  }

  private become(reason: string | null): void {
    if (reason === this.current) return;
    this.current = reason;
    for (const listener of this.listeners) listener(reason);
  }
}
