import { CalibrationError } from './calibration-error.ts';
import { readCalibrationRecords, type RecordOptions } from './calibration-record.ts';
import { detached } from './detached-string.ts';
import type { DropCount } from './drop-count.ts';
import {
  MAX_RECORDS,
  MAX_TEXT_CHARACTERS,
  MAX_TOKEN_CHARACTERS,
  MAX_TOKEN_IDS,
  MIN_ROW_TOKENS,
} from './limits.ts';
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
  readonly source: Pick<SourceRecord, 'file' | 'place'>;
  readonly isChat: boolean;
  readonly text: string;
}

/** What encodes documents: chats bring their special tokens with the chat template. */
interface DocumentTokenizers {
  readonly texts: TextTokenizer;
  readonly chats: TextTokenizer;
}

/**
 * Makes a row of each of `rowCount` documents, chosen in seeded order from those that are not empty: the first
 * `rowTokens` tokens of it. A row is as long as its document where that is shorter: padding it and leaving the padding
 * out of the targets would score the same.
 * @param documentCount documents that are not empty
 * @param maxCharacters characters of documents held at a time; one document is, whatever its size
 * @throws CalibrationError when no document has a row's two tokens, or the rows are more than can be scored
 */
export async function packDocuments(
  options: DocumentOptions,
  documentCount: number,
  drops: DropCount,
  tokenizers: DocumentTokenizers,
  maxCharacters: number = MAX_TEXT_CHARACTERS,
) {
  const { name, rowCount, rowTokens, seed } = options;
  if (Math.min(rowCount, documentCount) > MAX_RECORDS) throw tooMuch(name);
  const rows: Int32Array[] = [];
  let [tooShort, droppedTokens, tokenCount, tried, spare] = [0, 0, 0, 0, SPARE_DOCUMENTS];
  while (rows.length < rowCount && tried < documentCount) {
    const wanted = tried + rowCount - rows.length + spare;
    const chosen = chooseRows(documentCount, wanted, seed).slice(tried);
    for (const { source, isChat, text } of await collect(options, chosen, maxCharacters)) {
      if (rows.length === rowCount) break;
      tried++;
      const ids = await (isChat ? tokenizers.chats : tokenizers.texts).encode(text);
      if (ids.length < MIN_ROW_TOKENS) {
        tooShort++;
        drops.add(`below ${MIN_ROW_TOKENS} tokens`, source);
        continue;
      }
      rows.push(ids.slice(0, rowTokens));
      droppedTokens += Math.max(0, ids.length - rowTokens);
      tokenCount += Math.min(ids.length, rowTokens);
      if (tokenCount > MAX_TOKEN_IDS) throw tooMuch(name);
    }
    spare *= 4;
  }
  if (rows.length === 0) {
    throw new CalibrationError(
      'too-few-tokens',
      `${name}: none of its ${documentCount} documents has the ${MIN_ROW_TOKENS} tokens of a row; give longer ones, or --pack join`,
    );
  }
  return { rows, availableRows: documentCount - tooShort, droppedTokens, notes: [] };
}

function tooMuch(name: string): CalibrationError {
  return new CalibrationError(
    'limit',
    `${name}: more than ${MAX_RECORDS} rows or ${MAX_TOKEN_IDS} tokens are asked for, all of which would be scored; lower --rows or --seq-len`,
  );
}

/**
 * Reads the records once more and keeps those chosen, of each as much as its row can need. Gives at least the first
 * of the choice, in its order, and as many more as fit in `maxHeld` characters.
 */
async function collect(
  options: DocumentOptions,
  chosen: readonly number[],
  maxHeld: number,
): Promise<readonly Document[]> {
  const maxCharacters = options.rowTokens * MAX_TOKEN_CHARACTERS;
  const places = new Map(chosen.map((index, place) => [index, place]));
  const kept = new Map<number, Document>();
  let [text, index, held, count] = ['', 0, 0, chosen.length];
  for await (const record of readCalibrationRecords(options)) {
    if (record.kind === 'token-ids' || record.kind === 'absent') continue;
    if (text.length < maxCharacters) text += record.text;
    if (record.continues) continue;
    const place = text === '' ? undefined : places.get(index++);
    if (place !== undefined && place < count) {
      const beginning = wholeCharacters(text, maxCharacters);
      const { file, place: at } = record.source;
      kept.set(place, { source: { file, place: at }, isChat: record.kind === 'chat', text: beginning });
      held += beginning.length;
      while (held > maxHeld && count > 1) {
        count--;
        held -= kept.get(count)?.text.length ?? 0;
        kept.delete(count);
      }
    }
    text = '';
  }
  return Array.from({ length: count }, (_, place) => {
    const document = kept.get(place);
    if (document) return document;
    throw new CalibrationError('file', `${options.name}: changed while it was read; try again`);
  });
}

function wholeCharacters(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const cutsPair = (text.charCodeAt(maxCharacters - 1) & 0xfc00) === 0xd800;
  return detached(text.slice(0, cutsPair ? maxCharacters - 1 : maxCharacters));
}
