import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/**
 * The log file of a run folder. Lines are written at once, so none is lost when the process ends.
 *
 * Invariants:
 * 1. No method throws: a run never ends because its log cannot be written.
 * 2. The first failure is reported, later ones are silent; each line is tried again, since a full disk may be
 *    emptied.
 * 3. A line that was torn by a failure is ended before the next one, so every other line stays readable.
 */
export class LogFile {
  private readonly path: string;
  private readonly onFailure: (error: unknown) => void;
  private descriptor: number | undefined;
  private torn = false;
  private reported = false;
  private closed = false;

  /** @param onFailure called once, with the first error */
  constructor(path: string, onFailure: (error: unknown) => void) {
    this.path = path;
    this.onFailure = onFailure;
  }

  write(line: string): void {
    if (this.closed) return;
    const bytes = Buffer.from(this.torn ? `\n${line}` : line); // (3)
    let written = 0;
    try {
      this.descriptor ??= openSync(this.path, 'a');
      while (written < bytes.length) written += writeSync(this.descriptor, bytes, written);
      this.torn = false;
    } catch (error) {
      this.torn ||= written > 0;
      this.report(error);
    }
  }

  /** Forces the lines to disk and closes the file. Safe to call twice, and at exit. */
  close(): void {
    this.closed = true;
    if (this.descriptor === undefined) return;
    try {
      fsyncSync(this.descriptor);
    } catch (error) {
      this.report(error);
    }
    try {
      closeSync(this.descriptor);
    } catch (error) {
      this.report(error);
    }
    this.descriptor = undefined;
  }

  private report(error: unknown): void {
    if (this.reported) return;
    this.reported = true;
    this.onFailure(error);
  }
}
