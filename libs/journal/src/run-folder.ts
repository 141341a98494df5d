import { join, resolve } from 'node:path';
import type { StopRule } from '@blockpruner/blocks';
import type { Cell } from '@blockpruner/perplexity';
import { AppendFile, type SyncListener } from './append-file.ts';
import { readRows } from './calibration-rows.ts';
import { cellBatches } from './cell-batches.ts';
import { encodeRecord } from './cell-record.ts';
import { SYSTEM_CLOCK, type RunClock } from './clock.ts';
import {
  readDecisionRecord,
  readDenseRecord,
  type DecisionRecord,
  type DenseRecord,
} from './decision-record.ts';
import { notARun, RunFolderError } from './errors.ts';
import {
  readEvent,
  readNoteKind,
  runIdOf,
  valueCounts,
  writeEvent,
  type CellsEvent,
  type DurableEvent,
} from './event.ts';
import * as names from './file-names.ts';
import { removeUnnamed, replaceByCopy } from './fencing.ts';
import { iterationLine } from './iteration-line.ts';
import { encodeLine } from './journal-line.ts';
import { canonicalJson, encodeJson, unfit } from './json-fields.ts';
import { makeRun, type NewRun } from './new-run.ts';
import { holdsRun } from './read-run.ts';
import { Ownership, type OwnershipTimes } from './ownership.ts';
import type { RemovalOrder } from './removal-order.ts';
import { replay, type Replay } from './replay.ts';
import { calibrationRowCount } from './row-parts.ts';
import type { RunResult } from './result.ts';
import type { RunConfig } from './run-config.ts';
import type { RunState } from './run-state.ts';
import { readStopRule } from './stop-record.ts';
import { syncFolder, writeWhole } from './whole-file.ts';

/** How a run folder is taken and kept. */
export interface RunFolderOptions extends Partial<OwnershipTimes> {
  /** Called once, with a line for the user, when it has to be seen whether the folder's last owner still lives. */
  readonly onWait?: (message: string) => void;
  /** Ends the waiting, within one poll; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called with the time of each sync of the journal or the cells. */
  readonly onSynced?: SyncListener;
  readonly clock?: RunClock;
}

/** The files that grow. */
interface RunFiles {
  readonly journal: AppendFile;
  readonly cells: AppendFile;
  readonly iterations: AppendFile;
}

/**
 * A run folder in the hands of its owner. Every method that writes throws RunFolderError `lost-ownership` when
 * another process has the folder by now, and `io`; RangeError when what it is given does not fit the run. What was
 * to be journaled is then not in the folder, or will be found by the next `open` as a whole.
 *
 * Invariants:
 * 1. Nothing is written without a look at `owner.json` just before, and a write that was under way when its process was
 *    stopped hits no file of the next owner (fencing.ts).
 * 2. A journal line names only bytes of `cells.bin` that were written before it, and its record starts where the one
 *    before it ended.
 * 3. When a durable event (dense, decision, finished, extended) is on the disk, so is every cell in front of it: `cells.bin` is
 *    synced in the same turn of the event loop in which the event is appended.
 * 4. What is written is checked as a reader would: what is written can be read.
 */
export class RunFolder {
  readonly path: string;
  /** Names the run in logs and metrics, from its start to its end. */
  readonly runId: string;
  readonly createdAt: string;
  /** Token ids of each row, held-out ones last. */
  readonly calibrationRows: readonly Int32Array[];
  /** Bytes behind the last good line and record that `open` cut off: what a crash had left half-written. */
  readonly cutBytes: { readonly journal: number; readonly cells: number };
  private readonly created: RunConfig;
  private readonly ledger: Replay['ledger'];
  private readonly ownership: Ownership;
  private readonly files: RunFiles;
  private readonly clock: RunClock;
  private committing: Promise<unknown> = Promise.resolve();
  private released = false;

  private constructor(
    path: string,
    { created, ledger }: Replay,
    calibrationRows: readonly Int32Array[],
    ownership: Ownership,
    files: RunFiles,
    cutBytes: RunFolder['cutBytes'],
    clock: RunClock,
  ) {
    this.path = path;
    this.created = created.config;
    this.runId = runIdOf(path, created);
    this.createdAt = created.time;
    this.calibrationRows = calibrationRows;
    this.cutBytes = cutBytes;
    this.ledger = ledger;
    this.ownership = ownership;
    this.files = files;
    this.clock = clock;
  }

  /**
   * Makes a run in an absent or empty folder, or in one whose last owner died before it had made its run.
   * @throws RunFolderError `taken`, `owned` or `io`, RangeError when the config does not fit the rows
   */
  static async create(path: string, run: NewRun, options: RunFolderOptions = {}): Promise<RunFolder> {
    const folder = resolve(path);
    const ownership = await makeRun(folder, run, () => acquire(folder, options));
    return RunFolder.load(folder, ownership, options);
  }

  /**
   * Takes a run to go on with it, waiting for an owner that may have died; cuts off what a crash left half-written
   * and rebuilds `iterations.jsonl`.
   * @throws RunFolderError `not-a-run`, `owned`, `corrupt`, `mismatch` or `io`
   */
  static async open(path: string, options: RunFolderOptions = {}): Promise<RunFolder> {
    const folder = resolve(path);
    if (!(await holdsRun(folder))) throw notARun(folder);
    return RunFolder.load(folder, await acquire(folder, options), options);
  }

  private static async load(
    path: string,
    ownership: Ownership,
    { clock = SYSTEM_CLOCK, onSynced }: RunFolderOptions,
  ): Promise<RunFolder> {
    const opened: AppendFile[] = [];
    const openFile = (name: string, lengthBytes: number): AppendFile => {
      const file = new AppendFile(join(path, name), lengthBytes, onSynced);
      opened.push(file);
      return file;
    };
    try {
      await removeUnnamed(path);
      const replayed = await replay(path, true);
      const rows = await readRows(path, replayed.created);
      const lines = replayed.ledger.decisions.map(iterationLine).join('');
      await writeWhole(join(path, names.ITERATIONS_FILE), lines, ownership);
      const { journalBytes, cellsBytes } = replayed;
      const cutBytes = {
        journal: await replaceByCopy(join(path, names.JOURNAL_FILE), journalBytes, ownership),
        cells: await replaceByCopy(join(path, names.CELLS_FILE), cellsBytes, ownership),
      };
      await syncFolder(path);
      ownership.check();
      const files = {
        journal: openFile(names.JOURNAL_FILE, journalBytes),
        cells: openFile(names.CELLS_FILE, cellsBytes),
        iterations: openFile(names.ITERATIONS_FILE, Buffer.byteLength(lines)),
      };
      return new RunFolder(path, replayed, rows, ownership, files, cutBytes, clock);
    } catch (error) {
      for (const file of opened) file.close();
      ownership.release();
      throw error;
    }
  }

  /** What the run computes, with the stop rule that it was last extended to. */
  get config(): RunConfig {
    return this.ledger.effective(this.created);
  }

  /**
   * What the journal says by now, but for `cells`: those are the ones found by `open`; whoever appends more has them.
   */
  get state(): RunState {
    return this.ledger;
  }

  /**
   * Makes sure that a resume computes what the run was created for.
   * @param current of the model, rows and options now, with the stop rule that the run was created with
   * @throws RunFolderError `mismatch` naming the first field that differs
   */
  requireConfig(current: RunConfig): void {
    const fields = new Set([...Object.keys(current), ...Object.keys(this.created)]);
    for (const field of fields as Set<keyof RunConfig>) {
      const [now, before] = [current, this.created].map((config) => canonicalJson(config[field] ?? 'none'));
      if (now === before) continue;
      throw new RunFolderError(
        'mismatch',
        `${this.path}: ${field} is ${now.slice(0, 80)} now, the run was created with ${before.slice(0, 80)}: ` +
          `resume with what it was created with, or start a new run`,
      );
    }
  }

  /**
   * Writes all of the cells or none; they are on the disk when the next decision is.
   * @param numericClass in which all of them were computed
   * @param replaces whether they take the place of values that were found to be wrong
   */
  appendCells(cells: readonly Cell[], numericClass: string, replaces = false): void {
    const { journal, cells: records } = this.files;
    const before = { journal: journal.lengthBytes, records: records.lengthBytes };
    const entries = this.cellEntries(cells, numericClass, before.records, replaces);
    this.ownership.check();
    try {
      for (const { record } of entries) records.append(record);
      for (const { line } of entries) journal.append(line);
    } catch (error) {
      journal.rewind(before.journal);
      records.rewind(before.records);
      throw error;
    }
    for (const { mask } of cells) this.ledger.computedIn(mask, numericClass);
  }

  /** Notes something worth knowing of the run, such as `worker-joined`, with the time. */
  appendEvent(event: { readonly kind: string; readonly [field: string]: unknown }): void {
    const note = { ...event, kind: readNoteKind(event.kind), time: this.clock.wallTime() };
    const line = encodeLine(writeEvent({ kind: 'note', note }));
    this.ownership.check();
    this.files.journal.append(line);
    this.ledger.notes.push(note);
  }

  /** Resolves when the dense score and all cells before it are on the disk. */
  async appendDense(record: DenseRecord): Promise<void> {
    const dense = readDenseRecord(record, calibrationRowCount(this.config));
    await this.inTurn(() => this.commit({ kind: 'dense', time: this.clock.wallTime(), dense }));
  }

  /**
   * Resolves when the decision and all cells before it are on the disk; only then may it be used. Its line in
   * `iterations.jsonl` follows.
   */
  async appendDecision(record: DecisionRecord): Promise<void> {
    const decision = readDecisionRecord(record, this.config.layerCount);
    await this.inTurn(async () => {
      await this.commit({ kind: 'decision', time: this.clock.wallTime(), decision });
      this.ownership.check();
      this.files.iterations.append(Buffer.from(iterationLine(decision)));
    });
  }

  /**
   * Gives the run another stop rule, with which it goes on, finished or not. Resolves when that is on the disk. The
   * result files of an earlier end stay until the next one.
   */
  async extend(stop: StopRule): Promise<void> {
    const rule = readStopRule(stop, 'stop');
    await this.inTurn(() => this.commit({ kind: 'extended', time: this.clock.wallTime(), stop: rule }));
  }

  /**
   * Writes the result files, then journals that the run is finished; nothing but notes can follow, unless it is
   * extended.
   */
  async finish(result: RunResult, removalOrder: RemovalOrder, stats: object): Promise<void> {
    await this.inTurn(async () => {
      const { stopped } = result;
      const finished: DurableEvent = {
        kind: 'finished',
        time: this.clock.wallTime(),
        ...(stopped && { stopped }),
      };
      this.ledger.check(finished);
      const files: [string, object][] = [
        [names.RESULT_FILE, result],
        [names.REMOVAL_ORDER_FILE, removalOrder],
        [names.STATS_FILE, stats],
      ];
      for (const [name, content] of files) {
        await writeWhole(join(this.path, name), `${encodeJson(content, 2)}\n`, this.ownership);
      }
      await this.commit(finished);
    });
  }

  /** Gives the folder up, with everything appended so far on the disk. A second call does nothing. */
  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    await this.committing;
    const { cells, journal, iterations } = this.files;
    try {
      await cells.sync();
      await journal.sync();
    } finally {
      for (const file of [cells, journal, iterations]) file.close();
      this.ownership.release();
    }
  }

  private cellEntries(
    cells: readonly Cell[],
    numericClass: string,
    offset: number,
    replaces: boolean,
  ): { line: Buffer; record: Buffer }[] {
    return cellBatches(cells).map((batch) => {
      const event: CellsEvent = {
        kind: 'cells',
        time: this.clock.wallTime(),
        offset,
        mask: batch[0].mask,
        numericClass,
        cells: batch.map(({ candidate, row }) => ({ candidate, row })),
        ...(replaces && { replaces }),
      };
      const written = writeEvent(event);
      readEvent(written, this.config);
      valueCounts(event, this.config).forEach((count, i) => {
        const { row, windowSums } = batch[i];
        if (windowSums.length !== count)
          throw unfit(`window sums of row ${row}`, windowSums.length, String(count));
      });
      const record = encodeRecord(batch.map(({ windowSums }) => windowSums));
      offset += record.length;
      return { line: encodeLine(written), record };
    });
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.committing.then(work);
    this.committing = done.catch(() => undefined);
    return done;
  }

  private async commit(event: DurableEvent): Promise<void> {
    this.ledger.check(event);
    const line = encodeLine(writeEvent(event));
    const { cells, journal } = this.files;
    await cells.sync(); // The bulk, without stopping the event loop.
    this.ownership.check();
    cells.syncNow(); // Cells that came meanwhile: they are in front of the event too (3).
    journal.append(line);
    await journal.sync();
    this.ledger.apply(event);
  }
}

function acquire(folder: string, options: RunFolderOptions): Promise<Ownership> {
  const { heartbeatMs = 5000, staleMs = 30_000, pollMs = 1000 } = options;
  const { clock = SYSTEM_CLOCK, onWait = () => undefined, signal } = options;
  return Ownership.acquire(folder, { heartbeatMs, staleMs, pollMs }, clock, onWait, signal);
}
