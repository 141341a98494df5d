import { basename } from 'node:path';
import { formatBlock, formatMask, isRemoved, parseBlock, parseMask } from '@blockpruner/blocks';
import type { BlockIndex, Mask, StopRule } from '@blockpruner/blocks';
import { windowCount } from '@blockpruner/perplexity';
import {
  readDecisionRecord,
  readDenseRecord,
  type DecisionRecord,
  type DenseRecord,
} from './decision-record.ts';
import { readArray, readInteger, readObject, readString, unfit, type Fields } from './json-fields.ts';
import { calibrationRowCount } from './row-parts.ts';
import { configHash, readRunConfig, type RunConfig } from './run-config.ts';
import { readStopped, readStopRule, type Stopped } from './stop-record.ts';

/** The journal's format; a reader refuses a later one. */
export const JOURNAL_SCHEMA = 1;

/** The first line of every journal. */
export interface CreatedEvent {
  readonly kind: 'created';
  readonly time: string;
  /** Names the run in logs and metrics; absent in journals of before runs had one. */
  readonly runId?: string;
  readonly config: RunConfig;
  /** SHA-256 of rows.json. */
  readonly rowsHash: string;
}

/** Cells of one base mask whose window sums are one record of `cells.bin`, in the order named here. */
export interface CellsEvent {
  readonly kind: 'cells';
  readonly time: string;
  /** Where the record starts, in bytes. */
  readonly offset: number;
  readonly mask: Mask;
  /** In which the cells were computed; null in journals of before classes could be mixed. */
  readonly numericClass: string | null;
  readonly cells: readonly { readonly candidate: BlockIndex | null; readonly row: number }[];
  /** Whether these values take the place of earlier ones, which were found to be wrong; absent: they are first ones. */
  readonly replaces?: boolean;
}

/** What a run must not lose: these lines are on the disk, with all that is in front of them, before anything uses them. */
export type DurableEvent =
  | { readonly kind: 'dense'; readonly time: string; readonly dense: DenseRecord }
  | { readonly kind: 'decision'; readonly time: string; readonly decision: DecisionRecord }
  | { readonly kind: 'finished'; readonly time: string; readonly stopped?: Stopped }
  /** The run has this stop rule from here on, and is not finished any more. */
  | { readonly kind: 'extended'; readonly time: string; readonly stop: StopRule };

/**
 * Anything else worth knowing of a run: `worker-joined`, `worker-left`, `resumed`, `interrupted` and the like, with
 * fields of its own. Non-finite numbers in it are read back as strings.
 */
export interface JournalNote {
  readonly kind: string;
  /** ISO 8601. */
  readonly time: string;
  readonly [field: string]: unknown;
}

export type JournalEvent = CellsEvent | DurableEvent | { readonly kind: 'note'; readonly note: JournalNote };

const DURABLE_KINDS: readonly unknown[] = ['dense', 'decision', 'finished', 'extended'];
const RESERVED_KINDS: readonly unknown[] = ['created', 'cells', 'note', ...DURABLE_KINDS];

export function isDurable(event: object): boolean {
  return DURABLE_KINDS.includes((event as Fields).kind);
}

/** The journal's object of an event. */
export function writeEvent(event: CreatedEvent | JournalEvent): object {
  switch (event.kind) {
    case 'created':
      return { schema: JOURNAL_SCHEMA, ...event, configHash: configHash(event.config) };
    case 'cells':
      return {
        ...event,
        mask: formatMask(event.mask),
        cells: event.cells.map(({ candidate, row }) => [
          candidate === null ? 'base' : formatBlock(candidate),
          row,
        ]),
      };
    case 'note':
      return event.note;
    case 'dense':
    case 'decision':
    case 'finished':
    case 'extended':
      return event;
  }
}

/** @throws RangeError naming the field that does not fit */
export function readCreatedEvent(value: unknown): CreatedEvent {
  const fields = readObject(value, 'event');
  if (fields.kind !== 'created') throw unfit('kind', fields.kind, 'created');
  const config = readRunConfig(fields.config);
  const hash = configHash(config);
  if (fields.configHash !== hash) throw unfit('configHash', fields.configHash, hash);
  return {
    kind: 'created',
    time: readTime(fields),
    ...(fields.runId !== undefined && { runId: readString(fields.runId, 'runId') }),
    config,
    rowsHash: readString(fields.rowsHash, 'rowsHash'),
  };
}

/** What names a run in logs and metrics: of an old one the name of its folder. */
export function runIdOf(path: string, { runId }: CreatedEvent): string {
  return runId ?? basename(path);
}

/** @throws RangeError naming the field that does not fit */
export function readEvent(value: unknown, config: RunConfig): JournalEvent {
  const fields = readObject(value, 'event');
  const time = readTime(fields);
  switch (fields.kind) {
    case 'created':
      throw new RangeError('a run is created only once');
    case 'cells':
      return readCellsEvent(fields, time, config);
    case 'dense':
      return { kind: 'dense', time, dense: readDenseRecord(fields.dense, calibrationRowCount(config)) };
    case 'decision':
      return { kind: 'decision', time, decision: readDecisionRecord(fields.decision, config.layerCount) };
    case 'finished':
      return {
        kind: 'finished',
        time,
        ...(fields.stopped !== undefined && { stopped: readStopped(fields.stopped, config.layerCount) }),
      };
    case 'extended':
      return { kind: 'extended', time, stop: readStopRule(fields.stop, 'stop') };
    default:
      return { kind: 'note', note: { ...fields, kind: readNoteKind(fields.kind), time } };
  }
}

/** @throws RangeError when the kind is one of the journal's own */
export function readNoteKind(kind: unknown): string {
  if (RESERVED_KINDS.includes(kind))
    throw unfit('kind', kind, 'a kind that the journal does not write itself');
  return readString(kind, 'kind');
}

/** Window sums of each cell of the event, from the lengths of its rows. */
export function valueCounts(event: CellsEvent, config: RunConfig): number[] {
  return event.cells.map(({ row }) => windowCount(config.rowTokens[row]));
}

function readCellsEvent(fields: Fields, time: string, config: RunConfig): CellsEvent {
  const text = readString(fields.mask, 'mask');
  const mask = parseMask(text, config.layerCount);
  const cells = readArray(fields.cells, 'cells').map((entry) => {
    const [candidate, row] = readArray(entry, 'cells');
    return {
      candidate: candidate === 'base' ? null : readCandidate(candidate, mask, config.layerCount),
      row: readInteger(row, 'row', 0, config.rowTokens.length - 1),
    };
  });
  const { numericClass } = fields;
  return {
    kind: 'cells',
    time,
    offset: readInteger(fields.offset, 'offset', 0),
    mask,
    numericClass: numericClass === undefined ? null : readString(numericClass, 'numericClass'),
    cells,
    ...(fields.replaces === true && { replaces: true }),
  };
}

function readCandidate(value: unknown, mask: Mask, layerCount: number): BlockIndex {
  const block = parseBlock(readString(value, 'candidate'), layerCount);
  if (isRemoved(mask, block)) throw unfit('candidate', value, `a block that is not in ${formatMask(mask)}`);
  return block;
}

function readTime(fields: Fields): string {
  return readString(fields.time, 'time');
}
