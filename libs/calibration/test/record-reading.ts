import type { CalibrationError } from '../src/calibration-error.ts';
import { readRecords } from '../src/read-records.ts';
import type { SourceRecord } from '../src/source-record.ts';

/** Everything that comes. */
export async function collect<T>(given: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of given) all.push(item);
  return all;
}

/** All records of some files. */
export function recordsOf(
  files: string | string[],
  textColumn: string | null = null,
): Promise<SourceRecord[]> {
  return collect(readRecords([files].flat(), { textColumn }));
}

/** All values of some files. */
export async function valuesOf(
  files: string | string[],
  textColumn: string | null = null,
): Promise<unknown[]> {
  return (await recordsOf(files, textColumn)).map(({ value }) => value);
}

/** The error that reading a file ends with, as `code: message`, or what it gave. */
export async function failureOf(path: string, textColumn: string | null = null): Promise<unknown> {
  try {
    return await valuesOf(path, textColumn);
  } catch (error) {
    const { code, message } = error as CalibrationError;
    return `${code}: ${message}`;
  }
}

/** Chunks of the given lengths in turn, the last one repeated. */
export function cutAt(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[Math.min(i, lengths.length - 1)];
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}
