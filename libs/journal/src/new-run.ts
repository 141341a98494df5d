import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkRowLengths, encodeRows, MAX_ROWS_BYTES, rowsHash } from './calibration-rows.ts';
import { ioError, RunFolderError } from './errors.ts';
import { writeEvent } from './event.ts';
import {
  CELLS_FILE,
  CONFIG_FILE,
  ENVIRONMENT_FILE,
  ITERATIONS_FILE,
  JOURNAL_FILE,
  OWNER_FILE,
  ROWS_FILE,
} from './file-names.ts';
import { encodeLine } from './journal-line.ts';
import { encodeJson, unfit } from './json-fields.ts';
import type { Ownership } from './ownership.ts';
import { readRunConfig, type RunConfig } from './run-config.ts';
import { syncFolder, writeWhole } from './whole-file.ts';

/** What a run starts from. */
export interface NewRun {
  readonly config: RunConfig;
  /** The resolved options with the origin of each value, as YAML text. */
  readonly configYaml: string;
  /** Versions, host and the like: for people. */
  readonly environment: object;
  /** Token ids of each row, held-out ones last; kept, so that a resume needs no tokenizer. */
  readonly calibrationRows: readonly Int32Array[];
  /** ISO 8601. */
  readonly createdAt: string;
}

/**
 * Makes the files of a new run in an absent or empty folder and leaves nothing behind where that fails. The journal
 * comes last: a folder that has one is a run.
 * @param claim takes the folder, or throws
 * @throws RunFolderError `taken` or `io`, RangeError when the config does not fit the rows
 */
export async function makeRun(path: string, run: NewRun, claim: () => Ownership): Promise<Ownership> {
  const files = runFiles(run);
  const made = await makeEmptyFolder(path);
  const ownership = claim();
  try {
    for (const [name, text] of files) await writeWhole(join(path, name), text);
    if (made !== undefined) {
      const top = dirname(resolve(made));
      for (let folder = resolve(path); folder !== top;) await syncFolder((folder = dirname(folder)));
    }
    return ownership;
  } catch (error) {
    for (const [name] of files) await rm(join(path, name), { force: true }).catch(() => undefined);
    ownership.release();
    if (made !== undefined) await rmdir(path).catch(() => undefined);
    throw error;
  }
}

function runFiles(run: NewRun): [name: string, text: string][] {
  const config = readRunConfig(run.config);
  checkRowLengths(config, run.calibrationRows);
  const rows = encodeRows(run.calibrationRows);
  if (rows.length > MAX_ROWS_BYTES)
    throw unfit('size of rows.json', rows.length, `at most ${MAX_ROWS_BYTES} bytes`);
  const created = writeEvent({ kind: 'created', time: run.createdAt, config, rowsHash: rowsHash(rows) });
  return [
    [CONFIG_FILE, run.configYaml],
    [ENVIRONMENT_FILE, `${encodeJson(run.environment, 2)}\n`],
    [ROWS_FILE, rows],
    [CELLS_FILE, ''],
    [ITERATIONS_FILE, ''],
    [JOURNAL_FILE, encodeLine(created).toString()],
  ];
}

/** @returns the first folder that had to be made, if any */
async function makeEmptyFolder(path: string): Promise<string | undefined> {
  let made: string | undefined;
  let names: string[];
  try {
    made = await mkdir(path, { recursive: true });
    names = await readdir(path);
  } catch (error) {
    throw ioError(error, 'make', path);
  }
  if (names.includes(JOURNAL_FILE) || names.includes(OWNER_FILE)) {
    throw new RunFolderError('taken', `${path} already holds a run: resume it, or choose another folder`);
  }
  if (names.length > 0) {
    throw new RunFolderError('taken', `${path} is not empty (${names[0]}): choose an empty or a new folder`);
  }
  return made;
}
