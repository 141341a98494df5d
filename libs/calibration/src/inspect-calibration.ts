import { createHash } from 'node:crypto';
import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { CalibrationError } from './calibration-error.ts';
import { readCalibrationRecords, type CalibrationRecord } from './calibration-record.ts';
import { DropCount, type Drop } from './drop-count.ts';
import { MAX_COUNTED_RECORDS } from './limits.ts';
import { loadCalibration, type CalibrationOptions, type CalibrationSet } from './load-calibration.ts';
import { loadTokenizer } from './tokenizer.ts';

/** What a calibration set holds, and which rows it gives; plain JSON. */
export interface CalibrationReport {
  readonly name: string;
  readonly files: readonly string[];
  /** Records of each form: text, alpaca, chat, token-ids. */
  readonly forms: Readonly<Record<string, number>>;
  readonly records: number;
  /** Characters of the records' texts; 0 for token ids. */
  readonly characters: number;
  /** Lengths of the records, in characters or, for token ids, tokens; null where there are more than can be counted. */
  readonly lengths: { readonly min: number; readonly median: number; readonly max: number } | null;
  /** Records that are the same as one before them. */
  readonly duplicates: number;
  /** The records that are there most often, cut, with their number. */
  readonly mostRepeated: readonly { readonly text: string; readonly count: number }[];
  /** The first records, cut. */
  readonly sample: readonly string[];
  readonly dropped: readonly Drop[];
  /** The rows at these settings; null without a model, whose tokenizer cuts them, and where none comes out. */
  readonly rows: number | null;
  readonly availableRows: number | null;
  /** Of the rows chosen. */
  readonly tokens: number | null;
  readonly droppedTokens: number | null;
  /** How the first row begins, decoded. */
  readonly firstRow: string | null;
  readonly contentHash: string | null;
  readonly notes: readonly string[];
}

const NO_MODEL = 'rows and tokens are counted with the tokenizer of a model: name one with --model.';
const SAMPLE_RECORDS = 3;
const SHOWN_CHARACTERS = 200;

/**
 * Looks through a calibration set, and makes its rows where a tokenizer is given.
 * @throws CalibrationError for what cannot be read; that no row comes out is a note
 */
export async function inspectCalibration(
  options: Omit<CalibrationOptions, 'tokenizer'> & { readonly tokenizer: TokenizerFiles | null },
): Promise<CalibrationReport> {
  const { tokenizer } = options;
  const seen = new SeenRecords();
  for await (const record of readCalibrationRecords(options)) seen.add(record);
  const rows = tokenizer && (await rowsOf({ ...options, tokenizer }));
  const set = rows && 'rows' in rows ? rows : null;
  return {
    name: options.name,
    files: options.files,
    ...seen.report(),
    dropped: set?.dropped ?? seen.drops.drops,
    rows: set?.rows.length ?? null,
    availableRows: set?.availableRows ?? null,
    tokens: set?.rows.reduce((sum, row) => sum + row.length, 0) ?? null,
    droppedTokens: set?.droppedTokens ?? null,
    firstRow: set && tokenizer?.tokenizerJson ? await beginning(set, tokenizer) : null,
    contentHash: set?.contentHash ?? null,
    notes: set?.notes ?? [rows instanceof CalibrationError ? rows.message : NO_MODEL],
  };
}

async function rowsOf(options: CalibrationOptions): Promise<CalibrationSet | CalibrationError> {
  try {
    return await loadCalibration(options);
  } catch (error) {
    if (error instanceof CalibrationError && ['too-few-tokens', 'tokenizer'].includes(error.code))
      return error;
    throw error;
  }
}

async function beginning({ rows }: CalibrationSet, files: TokenizerFiles): Promise<string> {
  const tokenizer = await loadTokenizer(files, 'none');
  return shown(await tokenizer.decode(rows[0].subarray(0, SHOWN_CHARACTERS)));
}

function shown(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS).toWellFormed()}…`;
}

/**
 * What was seen of records so far, in memory that is bounded by MAX_COUNTED_RECORDS.
 *
 * Invariants:
 * 1. A record in several parts is counted with its last part; `characters` and `hash` are those of the one under way.
 * 2. Beyond MAX_COUNTED_RECORDS different records, a new one is no longer remembered: `duplicates` is a lower bound.
 */
class SeenRecords {
  readonly drops = new DropCount();
  private readonly forms: Record<string, number> = {};
  private readonly counts = new Map<string, { count: number; text: string }>();
  private readonly lengths: number[] = [];
  private readonly sample: string[] = [];
  private hash = createHash('sha256');
  private beginning = '';
  private characters = 0;
  private totalCharacters = 0;
  private records = 0;
  private duplicates = 0;

  add(record: CalibrationRecord): void {
    if (record.kind === 'absent') return this.drops.add(record.reason, record.source);
    if (record.kind === 'token-ids') return this.finish('token-ids', record.ids.length, record.ids.join(' '));
    this.hash.update(record.text);
    this.characters += record.text.length;
    this.totalCharacters += record.text.length;
    if (this.beginning.length <= SHOWN_CHARACTERS) this.beginning += record.text;
    if (!record.continues) this.finish(record.kind, this.characters, this.beginning);
  }

  report() {
    const ordered = this.lengths.toSorted((a, b) => a - b);
    const complete = ordered.length === this.records && ordered.length > 0;
    const repeated = [...this.counts.values()].filter(({ count }) => count > 1);
    return {
      forms: this.forms,
      records: this.records,
      characters: this.totalCharacters,
      lengths: complete
        ? {
            min: ordered[0],
            median: ordered[Math.floor(ordered.length / 2)],
            max: ordered[ordered.length - 1],
          }
        : null,
      duplicates: this.duplicates,
      mostRepeated: repeated.sort((a, b) => b.count - a.count).slice(0, SAMPLE_RECORDS),
      sample: this.sample,
    };
  }

  private finish(form: string, length: number, text: string): void {
    if (form === 'token-ids') this.hash.update(text);
    const key = this.hash.digest('base64');
    const known = this.counts.get(key);
    if (known) {
      known.count++;
      this.duplicates++;
    } else if (this.counts.size < MAX_COUNTED_RECORDS) this.counts.set(key, { count: 1, text: shown(text) });
    if (this.lengths.length < MAX_COUNTED_RECORDS) this.lengths.push(length);
    if (this.sample.length < SAMPLE_RECORDS) this.sample.push(shown(text));
    this.forms[form] = (this.forms[form] ?? 0) + 1;
    this.records++;
    this.hash = createHash('sha256');
    this.beginning = '';
    this.characters = 0;
  }
}
