import type { FileHandle } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './journal-line.ts';

/** One line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Where the line starts, in bytes. */
  readonly start: number;
  /** Without the newline; undefined where the line is longer than a journal line may be. */
  readonly bytes: Buffer | undefined;
  /** Whether a newline ends it: the last line of a file may be torn. */
  readonly whole: boolean;
}

const CHUNK_BYTES = 2 ** 20;

/** The lines of a file as it is now, holding one at a time. */
export async function* readLines(file: FileHandle): AsyncGenerator<Line> {
  let number = 1;
  let start = 0;
  let position = 0;
  let parts: Buffer[] = [];
  let held = 0;
  const take = (part: Buffer): void => {
    held += part.length;
    if (held < MAX_LINE_BYTES) parts.push(part);
    else parts = [];
  };
  const line = (whole: boolean): Line => ({
    number,
    start,
    bytes: held < MAX_LINE_BYTES ? Buffer.concat(parts) : undefined,
    whole,
  });
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let from = 0;
    for (let end; (end = buffer.indexOf(0x0a, from)) !== -1 && end < bytesRead; from = end + 1) {
      take(buffer.subarray(from, end));
      yield line(true);
      number += 1;
      start += held + 1;
      parts = [];
      held = 0;
    }
    take(buffer.subarray(from, bytesRead));
  }
  if (held > 0) yield line(false);
}
