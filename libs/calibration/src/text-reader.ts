import { PART_CHARACTERS } from './limits.ts';
import type { SourceRecord } from './source-record.ts';
import { decodeUtf8, wholeCharactersLength, type ByteChunk } from './utf8-bytes.ts';

/**
 * A text in parts of up to PART_CHARACTERS UTF-16 units that give the text when joined. A part ends between
 * characters, behind a newline where there is one in its second half, else behind a blank.
 * @throws CalibrationError for bytes that are not UTF-8
 */
export async function* readText(
  file: string,
  chunks: AsyncIterable<ByteChunk>,
): AsyncGenerator<SourceRecord> {
  let tail = Buffer.alloc(0);
  let tailOffset = 0;
  let pending = '';
  for await (const { offset, bytes } of chunks) {
    const joined = tail.length === 0 ? bytes : Buffer.concat([tail, bytes]);
    const start = offset - tail.length;
    const end = wholeCharactersLength(joined);
    pending += decodeUtf8({ offset: start, bytes: joined.subarray(0, end) }, file);
    tail = Buffer.from(joined.subarray(end));
    tailOffset = start + end;
    while (pending.length > PART_CHARACTERS) {
      const cut = cutBefore(pending, PART_CHARACTERS);
      yield { file, place: '', value: pending.slice(0, cut), continues: true };
      pending = pending.slice(cut);
    }
  }
  pending += decodeUtf8({ offset: tailOffset, bytes: tail }, file);
  yield { file, place: '', value: pending, continues: false };
}

function cutBefore(text: string, limit: number): number {
  const half = limit / 2;
  const newline = text.lastIndexOf('\n', limit - 1) + 1;
  if (newline > half) return newline;
  for (let cut = limit; cut > half; cut--) {
    if (text[cut - 1] === ' ' || text[cut - 1] === '\t') return cut;
  }
  const highSurrogate = (text.charCodeAt(limit - 1) & 0xfc00) === 0xd800;
  return highSurrogate ? limit - 1 : limit;
}
