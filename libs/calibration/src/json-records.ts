import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_RECORDS, MAX_ROW_TOKENS, MIN_ROW_TOKENS } from './limits.ts';

/** What a calibration file in JSON holds. */
export type JsonRecords =
  | { readonly kind: 'text'; readonly records: readonly string[] }
  | { readonly kind: 'token-ids'; readonly rows: readonly Int32Array[] };

const ACCEPTED = 'write an array of strings, or an array of token-id arrays';

/**
 * Reads an array of strings, or an array of token-id arrays. Rows and positions in messages count from 0.
 * @throws CalibrationError for anything else, an id outside `[0, vocabSize)`, or a size beyond a limit
 */
export function parseJsonRecords(text: string, path: string, vocabSize: number): JsonRecords {
  const value = parse(text, path);
  if (!Array.isArray(value)) throw new CalibrationError('format', `${path}: ${nameOf(value)}: ${ACCEPTED}`);
  const elements: readonly unknown[] = value;
  if (elements.length === 0) throw new CalibrationError('format', `${path}: the array is empty: ${ACCEPTED}`);
  if (elements.length > MAX_RECORDS) {
    throw new CalibrationError(
      'limit',
      `${path}: ${elements.length} elements, more than ${MAX_RECORDS}; give a part of them`,
    );
  }
  const kind = typeof elements[0] === 'string' ? 'text' : 'token-ids';
  elements.forEach((element, i) => {
    if (kind === 'text' ? typeof element !== 'string' : !Array.isArray(element)) {
      const others = i === 0 ? '' : ' while those before it are not';
      throw new CalibrationError(
        'format',
        `${path}: element ${i} is ${nameOf(element)}${others}: ${ACCEPTED}`,
      );
    }
  });
  if (kind === 'text')
    return { kind, records: (elements as string[]).map((record, i) => wellFormed(record, i, path)) };
  return { kind, rows: (elements as unknown[][]).map((ids, row) => readRow(ids, row, path, vocabSize)) };
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CalibrationError('format', `${path}: not valid JSON: ${quoteCause(error)}`, { cause: error });
  }
}

function wellFormed(record: string, element: number, path: string): string {
  if (record.isWellFormed()) return record;
  throw new CalibrationError(
    'format',
    `${path}: the string of element ${element} holds half of a surrogate pair`,
  );
}

function readRow(ids: readonly unknown[], row: number, path: string, vocabSize: number): Int32Array {
  if (ids.length < MIN_ROW_TOKENS || ids.length > MAX_ROW_TOKENS) {
    throw new CalibrationError(
      ids.length < MIN_ROW_TOKENS ? 'format' : 'limit',
      `${path}: row ${row} has ${ids.length} token ids; a row has from ${MIN_ROW_TOKENS}, one to predict from and one to predict, to ${MAX_ROW_TOKENS}`,
    );
  }
  const position = ids.findIndex(
    (id) => !Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabSize,
  );
  if (position >= 0) {
    throw new CalibrationError(
      'token-id',
      `${path}: row ${row}, position ${position}: ${quote(ids[position])} is not a token id from 0 to ${vocabSize - 1}: the model's vocabulary has ${vocabSize} tokens`,
    );
  }
  return Int32Array.from(ids as number[]);
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quote(value: unknown): string {
  return typeof value === 'object' ? nameOf(value) : JSON.stringify(value).slice(0, 40);
}
