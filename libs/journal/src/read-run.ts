import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cell } from '@blockpruner/perplexity';
import { readRows } from './calibration-rows.ts';
import { JOURNAL_FILE } from './file-names.ts';
import { runIdOf } from './event.ts';
import { readOwner } from './ownership.ts';
import type { OwnerRecord } from './owner-record.ts';
import { replay, type Replay } from './replay.ts';
import { configHash, type RunConfig } from './run-config.ts';
import type { RunProgress } from './run-state.ts';

/** Whether a folder holds a run, finished or not. One that was left before its run was made holds none. */
export async function holdsRun(path: string): Promise<boolean> {
  return access(join(path, JOURNAL_FILE)).then(
    () => true,
    () => false,
  );
}

/** A run as it can be seen from outside, now. */
export interface RunView extends RunProgress {
  readonly path: string;
  /** Names the run in logs and metrics. */
  readonly runId: string;
  /** With the stop rule that the run was last extended to. */
  readonly config: RunConfig;
  readonly configHash: string;
  readonly createdAt: string;
  /** Cells that the journal names; their values are not read. */
  readonly cellCount: number;
  /** Who has the folder; undefined where nobody has. They may have died without giving it up. */
  readonly owner: OwnerRecord | undefined;
}

/** `RunView` with all that was computed, and of what. */
export interface RunContents extends RunView {
  /** Each cell once, in the order in which they were journaled. */
  readonly cells: readonly Cell[];
  /** Token ids of each calibration row. */
  readonly rows: readonly Int32Array[];
}

/**
 * Reads a run's journal without owning the folder and without changing it; the run may be going on.
 * @throws RunFolderError `not-a-run`, `corrupt`, `mismatch` or `io`
 */
export async function readRun(path: string): Promise<RunView> {
  return viewOf(path, await replay(path, false));
}

/**
 * Reads a run with its cells and rows, as `readRun` does: of a run that is going on, what is on the disk by now.
 * @throws RunFolderError `not-a-run`, `corrupt`, `mismatch` or `io`
 */
export async function readRunContents(path: string): Promise<RunContents> {
  const replayed = await replay(path, true);
  const rows = await readRows(path, replayed.created);
  return { ...viewOf(path, replayed), cells: replayed.ledger.cells, rows };
}

function viewOf(path: string, { created, ledger, cellCount }: Replay): RunView {
  const config = ledger.effective(created.config);
  const { time: createdAt } = created;
  const { dense, decisions, finished, stopped, notes, numericClass } = ledger;
  const owner = readOwner(path);
  const hash = configHash(config);
  const progress = { dense, decisions, finished, stopped, notes, numericClass };
  return {
    path,
    runId: runIdOf(path, created),
    config,
    configHash: hash,
    createdAt,
    cellCount,
    owner,
    ...progress,
  };
}

/**
 * Reads the token ids of a run's calibration rows.
 * @throws RunFolderError `not-a-run`, `corrupt`, `mismatch` or `io`
 */
export async function readRunRows(path: string): Promise<Int32Array[]> {
  const { created } = await replay(path, false);
  return readRows(path, created);
}
