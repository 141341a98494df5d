import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { cellKey, sameCellValue, type Cell } from '@blockpruner/perplexity';
import { decodeRecord, MAX_RECORD_BYTES, recordBytes } from './cell-record.ts';
import { corrupt, errnoOf, ioError, notARun, RunFolderError } from './errors.ts';
import { isDurable, JOURNAL_SCHEMA, readCreatedEvent, readEvent, valueCounts } from './event.ts';
import type { CellsEvent, CreatedEvent } from './event.ts';
import type { Fields } from './json-fields.ts';
import { decodeLine } from './journal-line.ts';
import { CELLS_FILE, JOURNAL_FILE } from './file-names.ts';
import { readLines, type Line } from './read-lines.ts';
import { RunLedger } from './run-state.ts';

/** A journal read back. */
export interface Replay {
  readonly created: CreatedEvent;
  readonly ledger: RunLedger;
  /** Number of cell values that the journal names. */
  readonly cellCount: number;
  /** How far journal.jsonl and cells.bin are good; what lies behind was never used and is computed again. */
  readonly journalBytes: number;
  readonly cellsBytes: number;
}

/**
 * Reads the journal of a run folder, and the cells it names if asked to.
 *
 * Durable events are synced with everything in front of them, so a crash can only harm what lies behind the last
 * one: damage there ends the reading, damage in front of one is `corrupt`.
 *
 * @throws RunFolderError `not-a-run`, `corrupt`, `mismatch` (written by a later version) or `io`
 */
export async function replay(folder: string, withCells: boolean): Promise<Replay> {
  const path = join(folder, JOURNAL_FILE);
  let journal: FileHandle | undefined;
  let cells: FileHandle | undefined;
  try {
    journal = await open(path, 'r');
    if (withCells) cells = await open(join(folder, CELLS_FILE), 'r');
    const replayer = new Replayer(folder, cells);
    for await (const line of readLines(journal)) await replayer.take(line);
    return replayer.result();
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') throw notARun(folder);
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'read', journal ? join(folder, CELLS_FILE) : path);
    if (journal) throw corrupt(folder, `${CELLS_FILE} is missing`);
    throw notARun(folder);
  } finally {
    await journal?.close();
    await cells?.close();
  }
}

/** What a journal has said so far. Lives for one reading. */
class Replayer {
  private readonly folder: string;
  private readonly cellsFile: FileHandle | undefined;
  private readonly ledger = new RunLedger();
  /** Where in the ledger each cell is. */
  private readonly held = new Map<string, number>();
  private created: CreatedEvent | undefined;
  private damage: string | undefined;
  /** Of the latest worker: that of cells whose event names none. */
  private joinedClass: unknown;
  private journalBytes = 0;
  private cellsBytes = 0;
  private cellCount = 0;

  constructor(folder: string, cellsFile: FileHandle | undefined) {
    this.folder = folder;
    this.cellsFile = cellsFile;
  }

  async take(line: Line): Promise<void> {
    const value = decode(line);
    if (typeof value === 'string') {
      this.damage ??= `${JOURNAL_FILE} line ${line.number} is damaged (${value})`;
      return;
    }
    if (this.damage !== undefined) {
      if (!isDurable(value)) return;
      throw corrupt(this.folder, `${this.damage}, in front of ${describe(value)} on line ${line.number}`);
    }
    await this.follow(line, value);
    if (this.damage === undefined) this.journalBytes = line.start + (line.bytes?.length ?? 0) + 1;
  }

  result(): Replay {
    const { created, ledger, cellCount, journalBytes, cellsBytes } = this;
    if (!created) throw corrupt(this.folder, this.damage ?? `${JOURNAL_FILE} is empty`);
    return { created, ledger, cellCount, journalBytes, cellsBytes };
  }

  private async follow(line: Line, value: object): Promise<void> {
    if (!this.created) {
      refuseLaterFormat(this.folder, value);
      this.created = this.fit(line, () => readCreatedEvent(value));
      this.ledger.startWith(this.created.config);
      return;
    }
    const { config } = this.created;
    const event = this.fit(line, () => readEvent(value, config));
    if (event.kind === 'cells') return this.takeCells(line, event, valueCounts(event, config));
    if (event.kind === 'note') {
      this.ledger.notes.push(event.note);
      if (event.note.kind === 'worker-joined') this.joinedClass = event.note.numericClass;
      return;
    }
    this.fit(line, () => this.ledger.check(event));
    this.ledger.apply(event);
  }

  private async takeCells(line: Line, event: CellsEvent, counts: readonly number[]): Promise<void> {
    const bytes = recordBytes(counts.reduce((sum, count) => sum + count, 0));
    if (event.offset !== this.cellsBytes || bytes > MAX_RECORD_BYTES) {
      throw corrupt(
        this.folder,
        `${JOURNAL_FILE} line ${line.number} names byte ${event.offset} of ${CELLS_FILE}`,
      );
    }
    if (this.cellsFile) {
      const record = Buffer.alloc(bytes);
      const { bytesRead } = await this.cellsFile.read(record, 0, bytes, event.offset);
      const values = decodeRecord(record.subarray(0, bytesRead), counts);
      if (typeof values === 'string') {
        this.damage = `${CELLS_FILE} is damaged at byte ${event.offset} (${values}: ${JOURNAL_FILE} line ${line.number})`;
        return;
      }
      this.keep(event, values);
    }
    const numericClass = event.numericClass ?? this.joinedClass;
    if (typeof numericClass === 'string') this.ledger.computedIn(event.mask, numericClass);
    this.cellsBytes += bytes;
    this.cellCount += counts.length;
  }

  private keep(event: CellsEvent, values: readonly Float64Array[]): void {
    event.cells.forEach((id, i) => {
      const cell: Cell = { mask: event.mask, ...id, windowSums: values[i] };
      const key = cellKey(cell);
      const at = this.held.get(key);
      if (event.replaces) {
        if (at === undefined)
          throw corrupt(this.folder, `${CELLS_FILE} replaces cell ${key}, which it does not hold`);
        this.ledger.cells[at] = cell;
        return;
      }
      if (at !== undefined && !sameCellValue(this.ledger.cells[at].windowSums, cell.windowSums)) {
        throw corrupt(this.folder, `${CELLS_FILE} holds two different values of cell ${key}`);
      }
      if (at !== undefined) return;
      this.held.set(key, this.ledger.cells.length);
      this.ledger.cells.push(cell);
    });
  }

  private fit<T>(line: Line, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw corrupt(this.folder, `${JOURNAL_FILE} line ${line.number} does not fit: ${what}`, { cause });
    }
  }
}

/** The value of a line, or what is wrong with it. */
function decode(line: Line): object | string {
  if (!line.bytes) return 'too long';
  if (!line.whole) return 'torn';
  try {
    return decodeLine(line.bytes);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function refuseLaterFormat(folder: string, created: object): void {
  const { schema } = created as Fields;
  if (typeof schema !== 'number' || schema <= JOURNAL_SCHEMA) return;
  throw new RunFolderError(
    'mismatch',
    `${join(folder, JOURNAL_FILE)} has format ${schema}, this version reads ${JOURNAL_SCHEMA}: use the version that wrote it`,
  );
}

function describe(value: object): string {
  const { kind, decision } = value as Fields;
  return kind === 'decision' ? `iteration ${String((decision as Fields).iteration)}` : `"${String(kind)}"`;
}
