/**
 * The messages on their way to one peer.
 *
 * Invariants:
 * 1. At most one message is in the stream's hands; the others wait here, in order, where they can be dropped.
 * 2. The waiting bytes never exceed the limit: a peer that does not read costs no more than that.
 * 3. Once discarded or told to finish, it takes nothing more.
 */
export class Outbox {
  private readonly write: (bytes: Buffer, written: () => void) => void;
  private readonly limitBytes: number;
  private readonly onEmpty: () => void;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private writing = false;
  private whenEmpty: (() => void) | null = null;
  private taking = true;

  /**
   * @param write hands one message to the stream, and calls back when the stream has passed it on
   * @param onEmpty called each time that everything was passed on
   */
  constructor(
    write: (bytes: Buffer, written: () => void) => void,
    limitBytes: number,
    onEmpty: () => void = () => undefined,
  ) {
    this.write = write;
    this.limitBytes = limitBytes;
    this.onEmpty = onEmpty;
  }

  /** Whether everything was passed on. */
  get isEmpty(): boolean {
    return !this.writing && this.waiting.length === 0;
  }

  /** @returns false when the message would exceed the limit, and was not taken (2) */
  push(bytes: Buffer): boolean {
    if (!this.taking) return true; // (3)
    if (this.writing && this.waitingBytes + bytes.length > this.limitBytes) return false;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.writeNext();
    return true;
  }

  /** Calls back once everything was passed on. */
  finish(whenEmpty: () => void): void {
    if (!this.taking) return;
    this.taking = false;
    this.whenEmpty = whenEmpty;
    this.writeNext();
  }

  discard(): void {
    this.taking = false;
    this.waiting = [];
    this.waitingBytes = 0;
    this.whenEmpty = null;
  }

  private writeNext(): void {
    if (this.writing) return; // (1)
    const bytes = this.waiting.shift();
    if (bytes === undefined) {
      this.whenEmpty?.();
      this.whenEmpty = null;
      return;
    }
    this.waitingBytes -= bytes.length;
    this.writing = true;
    this.write(bytes, () => {
      this.writing = false;
      if (this.isEmpty) this.onEmpty();
      this.writeNext();
    });
  }
}
