/** What is needed of the stream that log lines and the live block go to; `process.stderr` is one. */
export interface TerminalStream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly isTTY?: boolean;
  /** Characters a line of the terminal holds. */
  readonly columns?: number;
}

const DEFAULT_COLUMNS = 80;
const ERASE_LINE = '\r\u001b[2K';
const ERASE_LINE_ABOVE = '\u001b[1A\u001b[2K';

/**
 * A stream with a live block at its end: log lines scroll above it.
 *
 * Invariants:
 * 1. Each change is one write: erase the block, write what is new, draw the block. Nothing else ever stands
 *    between two of these steps.
 * 2. While the block is shown, the cursor stands at the end of its last line, and what is above it ended in
 *    a line break.
 * 3. No line of the block is wider than the terminal, or erasing would miss the part that wrapped.
 * 4. A stream that failed (a reader that went away) is never written to again, and the failure never leaves
 *    this class.
 */
export class LiveStream {
  private readonly stream: TerminalStream;
  private block: readonly string[] = [];
  private failed = false;

  constructor(stream: TerminalStream) {
    this.stream = stream;
    stream.on('error', () => {
      this.failed = true;
    });
  }

  get isTty(): boolean {
    return this.stream.isTTY === true;
  }

  /** Writes whole lines above the block. */
  write(text: string): void {
    if (this.block.length === 0) return this.send(text);
    const lines = text.endsWith('\n') ? text : `${text}\n`; // (2)
    this.send(this.erasure() + lines + this.block.join('\n'));
  }

  /** Draws the block anew, cut to the width the terminal has now (3). No lines: no block. */
  setBlock(lines: readonly string[]): void {
    const erasure = this.erasure();
    // A character in the last column would make some terminals wrap.
    const width = (this.stream.columns ?? DEFAULT_COLUMNS) - 1;
    this.block = lines.map((line) => Array.from(line).slice(0, width).join(''));
    const change = erasure + this.block.join('\n');
    if (change !== '') this.send(change);
  }

  private erasure(): string {
    return this.block.length === 0 ? '' : ERASE_LINE + ERASE_LINE_ABOVE.repeat(this.block.length - 1);
  }

  private send(text: string): void {
    if (this.failed) return;
    try {
      this.stream.write(text);
    } catch {
      this.failed = true; // (4)
    }
  }
}
