import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { corrupt } from './errors.ts';
import type { CreatedEvent } from './event.ts';
import { ROWS_FILE } from './file-names.ts';
import { encodeJson, readArray, readInteger, unfit } from './json-fields.ts';
import type { RunConfig } from './run-config.ts';
import { readWhole } from './whole-file.ts';

/** Half a GiB of text holds more tokens than a calibration set; it is also what one string can hold. */
export const MAX_ROWS_BYTES = 2 ** 29;

/** The text of `rows.json`: the token ids of each row, one row a line. */
export function encodeRows(rows: readonly Int32Array[]): string {
  return `[\n${rows.map((row) => `[${row.join(',')}]`).join(',\n')}\n]\n`;
}

export function rowsHash(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/**
 * Reads `rows.json` of a run folder.
 * @throws RunFolderError `corrupt` when it is not what the run was created with, `io`
 */
export async function readRows(folder: string, created: CreatedEvent): Promise<Int32Array[]> {
  const text = await readWhole(join(folder, ROWS_FILE), MAX_ROWS_BYTES);
  if (rowsHash(text) !== created.rowsHash)
    throw corrupt(folder, `${ROWS_FILE} has changed since the run was created`);
  try {
    const rows = readArray(JSON.parse(text), 'rows').map((row, r) =>
      Int32Array.from(readArray(row, `rows[${r}]`), (id, i) =>
        readInteger(id, `rows[${r}][${i}]`, 0, 2 ** 31 - 1),
      ),
    );
    checkRowLengths(created.config, rows);
    return rows;
  } catch (cause) {
    throw corrupt(
      folder,
      `${ROWS_FILE} does not fit: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** @throws RangeError when the rows are not as long as the config says */
export function checkRowLengths(config: RunConfig, rows: readonly Int32Array[]): void {
  const lengths = rows.map((row) => row.length);
  if (lengths.join() !== config.rowTokens.join())
    throw unfit('config.rowTokens', config.rowTokens, encodeJson(lengths));
}
