import { CalibrationError } from './calibration-error.ts';
import { readCalibrationRecords, type RecordOptions } from './calibration-record.ts';
import type { DropCount } from './drop-count.ts';
import { MAX_TOKEN_CHARACTERS, MIN_ROW_TOKENS } from './limits.ts';
import { chooseRows } from './seeded-choice.ts';
import type { SourceRecord } from './source-record.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface DocumentOptions extends RecordOptions {
  readonly name: string;
  readonly rowCount: number;
  readonly rowTokens: number;
  readonly seed: number;
}

/** Documents that are chosen beyond those asked for, in the place of those that turn out to be too short. */
const SPARE_DOCUMENTS = 64;

interface Document {
  readonly source: SourceRecord;
  readonly text: string;
}

/**
 * Makes a row of each of `rowCount` documents, chosen in seeded order from those that are not empty: the first
 * `rowTokens` tokens of it. A row is as long as its document where that is shorter: padding it and leaving the padding
 * out of the targets would score the same.
 * @param documentCount documents that are not empty
 * @throws CalibrationError when no document has a row's two tokens
 */
export async function packDocuments(
  options: DocumentOptions,
  documentCount: number,
  drops: DropCount,
  tokenizer: TextTokenizer,
) {
  const { name, rowCount, rowTokens, seed } = options;
  const rows: Int32Array[] = [];
  let [tooShort, droppedTokens, tried, wanted] = [0, 0, 0, rowCount + SPARE_DOCUMENTS];
  while (rows.length < rowCount && tried < documentCount) {
    const chosen = chooseRows(documentCount, wanted, seed).slice(tried);
    const documents = await collect(options, chosen);
    for (const { source, text } of documents) {
      if (rows.length === rowCount) break;
      tried++;
      const ids = await tokenizer.encode(text);
      if (ids.length < MIN_ROW_TOKENS) {
        tooShort++;
        drops.add(`below ${MIN_ROW_TOKENS} tokens`, source);
      } else {
        rows.push(ids.slice(0, rowTokens));
        droppedTokens += Math.max(0, ids.length - rowTokens);
      }
    }
    wanted *= 4;
  }
  if (rows.length === 0) {
    throw new CalibrationError(
      'too-few-tokens',
      `${name}: none of its ${documentCount} documents has the ${MIN_ROW_TOKENS} tokens of a row; give longer ones, or --pack join`,
    );
  }
  return { rows, availableRows: documentCount - tooShort, droppedTokens, notes: [] };
}

/** Reads the records once more and keeps those chosen, of each as much as its row can need, in the order of the choice. */
async function collect(options: DocumentOptions, chosen: readonly number[]): Promise<readonly Document[]> {
  const maxCharacters = options.rowTokens * MAX_TOKEN_CHARACTERS;
  const places = new Map(chosen.map((index, place) => [index, place]));
  const documents: Document[] = [];
  let text = '';
  let index = 0;
  for await (const record of readCalibrationRecords(options)) {
    if (record.kind === 'token-ids' || record.kind === 'absent') continue;
    if (text.length < maxCharacters) text += record.text;
    if (record.continues) continue;
    if (text !== '') {
      const place = places.get(index++);
      if (place !== undefined)
        documents[place] = { source: record.source, text: wholeCharacters(text, maxCharacters) };
    }
    text = '';
  }
  return documents;
}

function wholeCharacters(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const cutsPair = (text.charCodeAt(maxCharacters - 1) & 0xfc00) === 0xd800;
  return text.slice(0, cutsPair ? maxCharacters - 1 : maxCharacters);
}
