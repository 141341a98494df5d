import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
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
  /** Names the run in logs and metrics. */
  readonly runId: string;
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
 * Makes the files of a new run in an absent or empty folder, or in one where a crash came before the run was made, and
 * leaves nothing behind where that fails. The journal comes last: a folder that has one is a run.
 * @param acquire takes the folder, or throws
 * @throws RunFolderError `taken`, `owned`, `lost-ownership` or `io`, RangeError when the config does not fit the rows
 */
export async function makeRun(
  path: string,
  run: NewRun,
  acquire: () => Promise<Ownership>,
): Promise<Ownership> {
  const files = runFiles(run);
  const made = await makeFolder(path);
  await requireNoRun(path);
  const ownership = await acquire();
  try {
    await requireNoRun(path); // Another may have made its run meanwhile.
  } catch (error) {
    ownership.release();
    throw error;
  }
  try {
    for (const [name, text] of files) {
      await writeWhole(join(path, name), text, ownership);
    }
    if (made !== undefined) {
      const top = dirname(resolve(made));
      for (let folder = resolve(path); folder !== top;) await syncFolder((folder = dirname(folder)));
    }
    return ownership;
  } catch (error) {
    const isOurs = !(error instanceof RunFolderError) || error.code !== 'lost-ownership';
    if (isOurs)
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
  const { runId, createdAt: time } = run;
  const created = writeEvent({ kind: 'created', time, runId, config, rowsHash: rowsHash(rows) });
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
async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true });
  } catch (error) {
    throw ioError(error, 'make', path);
  }
}

/** What a crash leaves of a run that was being made: every file is claimed by `owner.json`, and nothing was computed. */
const BEFORE_THE_RUN = new RegExp(
  `^(${[CONFIG_FILE, ENVIRONMENT_FILE, ROWS_FILE, CELLS_FILE, ITERATIONS_FILE, OWNER_FILE].join('|')}|.*\\.incomplete)$`,
);

/** @throws RunFolderError `taken` when the folder holds a run, or anything that no start of one has left there */
async function requireNoRun(path: string): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  if (names.includes(JOURNAL_FILE)) {
    throw new RunFolderError('taken', `${path} already holds a run: resume it, or choose another folder`);
  }
  const isUnfinished = names.includes(OWNER_FILE);
  let foreign = names.find((name) => !isUnfinished || !BEFORE_THE_RUN.test(name));
  if (names.includes(CELLS_FILE) && (await stat(join(path, CELLS_FILE))).size > 0) foreign ??= CELLS_FILE;
  if (foreign !== undefined) {
    throw new RunFolderError('taken', `${path} is not empty (${foreign}): choose an empty or a new folder`);
  }
}
