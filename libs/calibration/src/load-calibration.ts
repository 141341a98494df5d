import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { CalibrationError } from './calibration-error.ts';
import { readCalibrationRecords, requireOneKind, type CalibrationRecord } from './calibration-record.ts';
import { contentHash } from './content-hash.ts';
import { DropCount, type Drop } from './drop-count.ts';
import { MAX_RECORDS, MAX_ROW_TOKENS, MAX_TOKEN_IDS, MIN_ROW_TOKENS } from './limits.ts';
import { packDocuments } from './pack-documents.ts';
import { cutRows } from './row-cutting.ts';
import { chooseRows } from './seeded-choice.ts';
import { TextSample } from './text-sample.ts';
import { tokenIdRow } from './token-id-row.ts';
import { loadTokenizer, type SpecialTokens, type TextTokenizer } from './tokenizer.ts';

/** Where a calibration set comes from, and how rows are made of it. */
export interface CalibrationOptions {
  /** What the user gave, for messages. */
  readonly name: string;
  /** As `findSources` gives them. */
  readonly files: readonly string[];
  /** Rows to choose. Texts only. */
  readonly rowCount: number;
  /** Tokens of each row, 2 to 131072; of documents, the most a row has. Texts only. */
  readonly rowTokens: number;
  /** Seed of the choice, an integer from 0 to 2^32-1. Texts only. */
  readonly seed: number;
  /** `join`: one text cut into rows, as the reference does. `documents`: a record a row. */
  readonly pack: 'join' | 'documents';
  /** The column that holds the text; null: by the form of the record. */
  readonly textColumn: string | null;
  readonly specialTokens: SpecialTokens;
  readonly tokenizer: TokenizerFiles;
  /** Bytes of the files read, of all there are. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The rows a search is calibrated on, in the order everything after uses. */
export interface CalibrationSet {
  readonly rows: readonly Int32Array[];
  /** `sha256:…` over row lengths and ids, in row order. */
  readonly contentHash: string;
  readonly source: 'text' | 'token-ids';
  /** Rows there were to choose from. */
  readonly availableRows: number;
  readonly recordCount: number;
  /** Records left out, by reason. */
  readonly dropped: readonly Drop[];
  /** Tokens behind the last full row of a text, or behind the cut of a document that was chosen. */
  readonly droppedTokens: number;
  /** Put in front of and behind what is encoded; null for token ids. */
  readonly specialTokens: Pick<TextTokenizer, 'prefix' | 'suffix'> | null;
  /** Sentences for the log. */
  readonly notes: readonly string[];
}

/** What one pass over the records finds. */
interface Scan {
  readonly recordCount: number;
  readonly first: CalibrationRecord;
  readonly hasChats: boolean;
  readonly onlyChats: boolean;
  readonly drops: DropCount;
  readonly sample: TextSample;
  readonly documentCount: number;
  readonly tokenIdRows: readonly Int32Array[];
}

/**
 * Reads a calibration set. `join` joins the records with a blank line, encodes the text once, cuts the tokens into rows
 * of `rowTokens`, drops the tail and chooses `rowCount` rows in seeded order, as BlockPruner's own code does but for
 * its random numbers; of a text beyond 16 Mi characters a seeded sample stands for all. `documents` makes a row of
 * each record chosen: a long one is cut, a short one stays short. Token ids are taken as they are, in file order.
 * @throws CalibrationError when no row comes out, or an input is not what it must be
 */
export async function loadCalibration(options: CalibrationOptions): Promise<CalibrationSet> {
  checkOptions(options);
  const scan = await scanRecords(options);
  if (scan.first.kind === 'token-ids') return fromTokenIds(scan);
  const policy = scan.onlyChats ? 'none' : options.specialTokens;
  const tokenizer = await loadTokenizer(options.tokenizer, policy);
  const chats =
    policy === 'add' && scan.hasChats ? await loadTokenizer(options.tokenizer, 'none') : tokenizer;
  const set =
    options.pack === 'join'
      ? await joinedRows(options, scan, tokenizer)
      : await packDocuments(options, scan.documentCount, scan.drops, { texts: tokenizer, chats });
  const notes = [...set.notes];
  if (
    options.specialTokens === 'add' &&
    (scan.onlyChats || (scan.hasChats && options.pack === 'documents'))
  ) {
    notes.push('chats bring their special tokens with the chat template: the tokenizer adds none to them.');
  }
  if (scan.hasChats && options.tokenizer.chatTemplate?.includes('strftime_now')) {
    notes.push('the chat template writes the date of today: the rows are other ones tomorrow.');
  }
  if (set.availableRows < options.rowCount) {
    const of = options.pack === 'join' ? ` of ${options.rowTokens} tokens` : '';
    notes.push(
      `${options.name} has only ${set.availableRows} rows${of}: all of them are used instead of ${options.rowCount}.`,
    );
  }
  return {
    ...set,
    contentHash: contentHash(set.rows),
    source: 'text',
    recordCount: scan.recordCount,
    dropped: scan.drops.drops,
    specialTokens: { prefix: tokenizer.prefix, suffix: tokenizer.suffix },
    notes,
  };
}

async function scanRecords(options: CalibrationOptions): Promise<Scan> {
  const { name, seed, tokenizer } = options;
  const drops = new DropCount();
  const sample = new TextSample(seed);
  const tokenIdRows: Int32Array[] = [];
  let first: CalibrationRecord | null = null;
  let columns: readonly string[] = [];
  let [recordCount, documentCount, tokenCount, hasChats, onlyChats, isEmpty] = [0, 0, 0, false, true, true];
  for await (const record of readCalibrationRecords(options)) {
    const continues = record.kind !== 'token-ids' && record.kind !== 'absent' && record.continues;
    if (!continues) recordCount++;
    if (record.kind === 'absent') {
      drops.add(record.reason, record.source);
      columns = record.columns;
      continue;
    }
    requireOneKind(first, record);
    first ??= record;
    if (record.kind === 'token-ids') {
      tokenIdRows.push(tokenIdRow(record.ids, record.source, tokenizer.vocabSize));
      tokenCount += record.ids.length;
      checkCounts(name, tokenIdRows.length, tokenCount);
      continue;
    }
    hasChats ||= record.kind === 'chat';
    onlyChats &&= record.kind === 'chat';
    isEmpty &&= record.text === '';
    if (options.pack === 'join') sample.add(record.text, continues);
    else if (!continues) {
      if (isEmpty) drops.add('empty', record.source);
      else documentCount++;
    }
    if (!continues) isEmpty = true;
  }
  if (first === null) throw nothingFound(name, options.textColumn, columns);
  return { recordCount, first, hasChats, onlyChats, drops, sample, documentCount, tokenIdRows };
}

function checkCounts(name: string, rowCount: number, tokenCount: number): void {
  if (rowCount <= MAX_RECORDS && tokenCount <= MAX_TOKEN_IDS) return;
  throw new CalibrationError(
    'limit',
    `${name}: more than ${MAX_RECORDS} rows or ${MAX_TOKEN_IDS} token ids, all of which would be scored; give a part of them`,
  );
}

function nothingFound(name: string, textColumn: string | null, columns: readonly string[]): CalibrationError {
  if (columns.length === 0) return new CalibrationError('format', `${name}: holds no record`);
  return new CalibrationError(
    'format',
    `${name}: no record has a text in the column ${JSON.stringify(textColumn ?? 'text')}: there are ${columns.join(', ').slice(0, 150)}; name one with --text-column`,
  );
}

type Rows = Pick<CalibrationSet, 'rows' | 'availableRows' | 'droppedTokens' | 'notes'>;

async function joinedRows(
  { name, rowTokens, rowCount, seed }: CalibrationOptions,
  { sample }: Scan,
  tokenizer: TextTokenizer,
): Promise<Rows> {
  const { text, isSample } = sample.finish();
  const ids = await tokenizer.encode(text);
  if (ids.length < rowTokens) {
    throw new CalibrationError(
      'too-few-tokens',
      `${name}: ${ids.length} tokens, but one row needs ${rowTokens}; give more text or a shorter --seq-len`,
    );
  }
  const cut = cutRows(ids, rowTokens);
  const availableRows = cut.rows.length;
  const rows = chooseRows(availableRows, rowCount, seed).map((index) => cut.rows[index]);
  const notes = isSample
    ? [`${name} has ${sample.characters} characters: rows are chosen from a seeded sample of ${text.length}.`]
    : [];
  return { rows, availableRows, droppedTokens: cut.droppedTokens, notes };
}

function fromTokenIds({ tokenIdRows, recordCount, drops }: Scan): CalibrationSet {
  return {
    rows: tokenIdRows,
    contentHash: contentHash(tokenIdRows),
    source: 'token-ids',
    availableRows: tokenIdRows.length,
    recordCount,
    dropped: drops.drops,
    droppedTokens: 0,
    specialTokens: null,
    notes: [
      'token ids are taken as they are, in file order: --rows, --seq-len, --seed and --pack do nothing.',
    ],
  };
}

function checkOptions({ rowCount, rowTokens, seed }: CalibrationOptions): void {
  checkInteger('rowCount', rowCount, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('rowTokens', rowTokens, MIN_ROW_TOKENS, MAX_ROW_TOKENS);
  checkInteger('seed', seed, 0, 2 ** 32 - 1);
}

function checkInteger(name: string, value: number, lowest: number, highest: number): void {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new CalibrationError(
      'options',
      `${name} is ${value}: give an integer from ${lowest} to ${highest}`,
    );
  }
}
