import { readSync } from 'node:fs';
import { CheckpointError } from './checkpoint-error.ts';

const WINDOW_BYTES = 2 ** 20;

/** Vocabularies of 2^18 tokens take about 12 MB with their merges. */
const MAX_HEADER_BYTES = 128 * 2 ** 20;
/** Chat templates are the longest strings there are, some tens of KiB. */
const MAX_STRING_BYTES = 16 * 2 ** 20;
const MAX_NAME_LENGTH = 256;

/**
 * Reads the little-endian header of a GGUF front to back, in windows of a MiB.
 *
 * Invariants:
 * 1. Nothing is allocated for a length before it was compared with what is left of the file.
 * 2. `position` never goes beyond the file or the header limit.
 */
export class GgufCursor {
  position = 0;
  readonly file: string;
  readonly sizeBytes: number;
  private readonly descriptor: number;
  /** A byte order mark is a token of its own in some vocabularies. */
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private window = Buffer.alloc(0);
  private windowStart = 0;

  constructor(descriptor: number, file: string, sizeBytes: number) {
    this.descriptor = descriptor;
    this.file = file;
    this.sizeBytes = sizeBytes;
  }

  malformed(reason: string): CheckpointError {
    return new CheckpointError('malformed', `${this.file}: ${reason}`);
  }

  /** @throws CheckpointError when fewer than `length` bytes are left (1, 2) */
  skip(length: number, what: string): void {
    if (length > this.sizeBytes - this.position) {
      throw new CheckpointError(
        'truncated',
        `${this.file}: ends inside ${what}: ${length} bytes at byte ${this.position}, the file has ${this.sizeBytes}`,
      );
    }
    if (this.position + length > MAX_HEADER_BYTES) {
      throw this.malformed(`the header is longer than ${MAX_HEADER_BYTES} bytes at ${what}`);
    }
    this.position += length;
  }

  /** The next bytes, valid until the next call. */
  take(length: number, what: string): Buffer {
    const start = this.position;
    this.skip(length, what);
    if (start < this.windowStart || this.position > this.windowStart + this.window.length)
      this.fill(start, length);
    return this.window.subarray(start - this.windowStart, this.position - this.windowStart);
  }

  u32(what: string): number {
    return this.take(4, what).readUInt32LE();
  }

  /** A count or an offset: the caller compares it with a limit, so that precision above 2^53 does not matter. */
  u64(what: string): number {
    return Number(this.take(8, what).readBigUInt64LE());
  }

  string(what: string): string {
    const bytes = this.take(this.stringLength(what), what);
    try {
      return this.utf8.decode(bytes);
    } catch (error) {
      throw new CheckpointError('malformed', `${this.file}: ${what} is not valid UTF-8`, { cause: error });
    }
  }

  /** A string that is used as a key. */
  name(what: string): string {
    const name = this.string(what);
    if (name.length > MAX_NAME_LENGTH) {
      throw this.malformed(`${what} has ${name.length} characters, the limit is ${MAX_NAME_LENGTH}`);
    }
    return name;
  }

  skipString(what: string): void {
    this.skip(this.stringLength(what), what);
  }

  private stringLength(what: string): number {
    const length = this.u64(what);
    if (length > MAX_STRING_BYTES) {
      throw this.malformed(`${what} has ${length} bytes, the limit of a string is ${MAX_STRING_BYTES}`);
    }
    return length;
  }

  private fill(start: number, length: number): void {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.sizeBytes - start);
    this.window = Buffer.alloc(wanted);
    this.windowStart = start;
    for (let filled = 0; filled < wanted;) {
      const got = readSync(this.descriptor, this.window, filled, wanted - filled, start + filled);
      if (got === 0) throw new CheckpointError('truncated', `${this.file}: became shorter while it was read`);
      filled += got;
    }
  }
}
