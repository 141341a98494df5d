import { JsonArraySplitter } from './json-array-splitter.ts';
import { parseJsonRecord } from './json-value.ts';
import type { SourceRecord } from './source-record.ts';
import { decodeUtf8, type ByteChunk } from './utf8-bytes.ts';

/**
 * The elements of the one array in a JSON file, counted from 0.
 * @throws CalibrationError when the file is anything else, or an element is no record
 */
export async function* readJsonArray(
  file: string,
  chunks: AsyncIterable<ByteChunk>,
): AsyncGenerator<SourceRecord> {
  const splitter = new JsonArraySplitter(file);
  for await (const chunk of chunks) {
    for (const element of splitter.push(chunk)) {
      const place = `element ${element.index}`;
      const text = decodeUtf8(element, file, `: ${place}`);
      const value = parseJsonRecord(text, `${file}: ${place} at byte ${element.offset}`);
      yield { file, place, value, continues: false };
    }
  }
  splitter.end();
}
