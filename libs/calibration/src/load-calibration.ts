import { extname } from 'node:path';
import { CalibrationError } from './calibration-error.ts';
import { readCalibrationFile } from './calibration-file.ts';
import { contentHash } from './content-hash.ts';
import { parseJsonRecords } from './json-records.ts';
import { MAX_JSON_BYTES, MAX_ROW_TOKENS, MAX_TEXT_BYTES, MIN_ROW_TOKENS } from './limits.ts';
import { cutRows } from './row-cutting.ts';
import { chooseRows } from './seeded-choice.ts';
import { loadTokenizer } from './tokenizer.ts';

/** Where a calibration set comes from and how much of it is wanted. */
export interface CalibrationOptions {
  /** A `.txt` file (one record), or a `.json` file: an array of strings, or an array of token-id arrays. */
  readonly path: string;
  /** Rows to choose. Texts only. */
  readonly rowCount: number;
  /** Tokens of each row, 2 to 131072. Texts only. */
  readonly rowTokens: number;
  /** Seed of the choice, an integer from 0 to 2^32-1. Texts only. */
  readonly seed: number;
  /** Folder of tokenizer.json and tokenizer_config.json. Token-id arrays need neither. */
  readonly tokenizerFolder: string;
  /** Every id must lie in `[0, vocabSize)`. */
  readonly vocabSize: number;
}

/** The rows a search is calibrated on, in the order everything after uses. */
export interface CalibrationSet {
  readonly rows: readonly Int32Array[];
  /** `sha256:…` over row lengths and ids, in row order. */
  readonly contentHash: string;
  readonly source: 'text' | 'token-ids';
  /** Rows there were to choose from. */
  readonly availableRows: number;
  /** Tokens behind the last full row of a text. */
  readonly droppedTokens: number;
  /** Sentences for the log. */
  readonly notes: readonly string[];
}

/**
 * Reads a calibration set. The records of a text are joined with a blank line and encoded once, special tokens
 * included; the tokens are cut into rows of `rowTokens`, the tail is dropped, and `rowCount` rows are chosen
 * in seeded order. Token-id arrays are taken as they are, in file order.
 * @throws CalibrationError when no row comes out, or an input is not what it must be
 */
export async function loadCalibration(options: CalibrationOptions): Promise<CalibrationSet> {
  const { path, vocabSize } = options;
  switch (extname(path).toLowerCase()) {
    case '.txt': {
      return fromText(await readCalibrationFile(path, MAX_TEXT_BYTES), options);
    }
    case '.json': {
      const parsed = parseJsonRecords(await readCalibrationFile(path, MAX_JSON_BYTES), path, vocabSize);
      return parsed.kind === 'text'
        ? fromText(parsed.records.join('\n\n'), options)
        : fromTokenIds(parsed.rows);
    }
    default:
      throw new CalibrationError(
        'file',
        `${path}: unknown extension "${extname(path)}": .txt and .json are known`,
      );
  }
}

async function fromText(text: string, options: CalibrationOptions): Promise<CalibrationSet> {
  const { path, rowTokens, rowCount, seed, tokenizerFolder } = options;
  checkTextOptions(options);
  if (text.length > MAX_TEXT_BYTES) {
    throw new CalibrationError(
      'limit',
      `${path}: ${text.length} characters of text, which is encoded in one go, more than ${MAX_TEXT_BYTES}; give a part of it, or token-id arrays`,
    );
  }
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const ids = await tokenizer.encode(text);
  checkVocabulary(ids, options);
  if (ids.length < rowTokens) {
    throw new CalibrationError(
      'too-few-tokens',
      `${path}: ${ids.length} tokens, but one row needs ${rowTokens}; give more text or a shorter --seq-len`,
    );
  }
  const cut = cutRows(ids, rowTokens);
  const availableRows = cut.rows.length;
  const rows = chooseRows(availableRows, rowCount, seed).map((index) => cut.rows[index]);
  const notes =
    availableRows < rowCount
      ? [
          `${path} has only ${availableRows} rows of ${rowTokens} tokens: all of them are used instead of ${rowCount}.`,
        ]
      : [];
  return {
    rows,
    contentHash: contentHash(rows),
    source: 'text',
    availableRows,
    droppedTokens: cut.droppedTokens,
    notes,
  };
}

function fromTokenIds(rows: readonly Int32Array[]): CalibrationSet {
  return {
    rows,
    contentHash: contentHash(rows),
    source: 'token-ids',
    availableRows: rows.length,
    droppedTokens: 0,
    notes: ['--rows and --seq-len are ignored: token-id arrays are taken as they are, in file order.'],
  };
}

function checkTextOptions({ rowCount, rowTokens, seed }: CalibrationOptions): void {
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

function checkVocabulary(ids: Int32Array, { tokenizerFolder, vocabSize }: CalibrationOptions): void {
  const outside = ids.find((id) => id < 0 || id >= vocabSize);
  if (outside !== undefined) {
    throw new CalibrationError(
      'token-id',
      `the tokenizer in ${tokenizerFolder} gives token id ${outside}, but the model's vocabulary has ` +
        `${vocabSize} tokens; give the tokenizer of this model`,
    );
  }
}
