import { CalibrationError } from './calibration-error.ts';
import { MAX_ROW_TOKENS, MIN_ROW_TOKENS } from './limits.ts';
import { nameOf } from './record-form.ts';
import type { SourceRecord } from './source-record.ts';

/**
 * The row that token ids of a file are.
 * @throws CalibrationError naming place, position and value of what is not an id in `[0, vocabSize)`, and for a row
 * that is too short or too long
 */
export function tokenIdRow(ids: readonly unknown[], source: SourceRecord, vocabSize: number): Int32Array {
  const where = `${source.file}: ${source.place}`;
  if (ids.length < MIN_ROW_TOKENS || ids.length > MAX_ROW_TOKENS) {
    throw new CalibrationError(
      ids.length < MIN_ROW_TOKENS ? 'format' : 'limit',
      `${where} has ${ids.length} token ids; a row has from ${MIN_ROW_TOKENS}, one to predict from and one to predict, to ${MAX_ROW_TOKENS}`,
    );
  }
  const position = ids.findIndex(
    (id) => !Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabSize,
  );
  if (position >= 0) {
    throw new CalibrationError(
      'token-id',
      `${where}, position ${position}: ${quote(ids[position])} is not a token id from 0 to ${vocabSize - 1}: the model's vocabulary has ${vocabSize} tokens`,
    );
  }
  return Int32Array.from(ids as number[]);
}

function quote(value: unknown): string {
  return typeof value === 'object' ? nameOf(value) : JSON.stringify(value).slice(0, 40);
}
