import { stat } from 'node:fs/promises';
import { CalibrationError } from './calibration-error.ts';
import { readBytes, type ByteSource } from './decompress.ts';
import { readJsonArray } from './json-array-reader.ts';
import { readJsonLines } from './json-lines-reader.ts';
import { readParquet } from './parquet-reader.ts';
import { fileError, openSource } from './source-file.ts';
import { EXTENSIONS_IN_WORDS, extensionOf, formatOf } from './source-format.ts';
import type { SourceRecord } from './source-record.ts';
import { readText } from './text-reader.ts';
import { skipByteOrderMark } from './utf8-bytes.ts';

/** How records are read. */
export interface ReadOptions {
  /** The one column to read of a Parquet file; null for all that rows can be made of. */
  readonly textColumn: string | null;
  /** Bytes of the files on disk that are read, and all there are. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * The records of calibration files, one file after the other, in bounded memory whatever their size.
 * @throws CalibrationError at the first thing that is wrong, which may be behind records that were given
 */
export async function* readRecords(
  files: readonly string[],
  { textColumn, onProgress }: ReadOptions,
): AsyncGenerator<SourceRecord> {
  const sizes = await Promise.all(files.map(sizeOf));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  let beforeBytes = 0;
  for (const [i, path] of files.entries()) {
    let doneBytes = 0;
    yield* readFile(path, textColumn, (count) => {
      // A file that grows while it is read must not count beyond what it was.
      doneBytes = Math.min(sizes[i], doneBytes + count);
      onProgress?.(beforeBytes + doneBytes, totalBytes);
    });
    beforeBytes += sizes[i];
    onProgress?.(beforeBytes, totalBytes);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw fileError(path, error);
  }
}

async function* readFile(
  path: string,
  textColumn: string | null,
  onBytes: (count: number) => void,
): AsyncGenerator<SourceRecord> {
  const format = formatOf(path);
  if (format === null) {
    throw new CalibrationError(
      'file',
      `${path}: unknown extension "${extensionOf(path).slice(0, 16)}"; known are ${EXTENSIONS_IN_WORDS}`,
    );
  }
  const { handle } = await openSource(path);
  try {
    const source: ByteSource = { path, handle, compression: format.compression, onBytes };
    switch (format.kind) {
      case 'text':
        yield* readText(path, skipByteOrderMark(path, readBytes(source)));
        break;
      case 'json-array':
        yield* readJsonArray(path, skipByteOrderMark(path, readBytes(source)));
        break;
      case 'json-lines':
        yield* readJsonLines(path, skipByteOrderMark(path, readBytes(source)));
        break;
      case 'parquet':
        yield* readParquet(source, textColumn);
    }
  } finally {
    await handle.close();
  }
}
