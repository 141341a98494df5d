import { CalibrationError } from './calibration-error.ts';
import { parseJsonRecord } from './json-value.ts';
import { MAX_RECORD_BYTES } from './limits.ts';
import type { SourceRecord } from './source-record.ts';
import { decodeUtf8, wholeCharactersLength, type ByteChunk } from './utf8-bytes.ts';

const NEWLINE = 0x0a;

/**
 * One record a line, counted from 1; blank lines are skipped.
 * @throws CalibrationError for a line that is no record or too long, and a file without any
 */
export async function* readJsonLines(
  file: string,
  chunks: AsyncIterable<ByteChunk>,
): AsyncGenerator<SourceRecord> {
  let records = 0;
  let lineNumber = 0;
  for await (const { chunk, ended } of lines(file, chunks)) {
    lineNumber++;
    const value = parseLine(chunk, { file, lineNumber, ended, first: records === 0 });
    if (value === undefined) continue;
    records++;
    yield { file, place: `line ${lineNumber}`, value, continues: false };
  }
  if (records === 0)
    throw new CalibrationError('format', `${file}: every line is blank: write one record a line`);
}

interface Line {
  readonly chunk: ByteChunk;
  /** False for a last line without a newline. */
  readonly ended: boolean;
}

async function* lines(file: string, chunks: AsyncIterable<ByteChunk>): AsyncGenerator<Line> {
  let lineNumber = 1;
  let lineOffset = 0;
  let parts: Buffer[] = [];
  let length = 0;
  for await (const { offset, bytes } of chunks) {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      if (length === 0) lineOffset = offset + from;
      add(bytes.subarray(from, end));
      yield { chunk: { offset: lineOffset, bytes: Buffer.concat(parts, length) }, ended: true };
      parts = [];
      length = 0;
      lineNumber++;
      from = end + 1;
    }
    if (length === 0) lineOffset = offset + from;
    if (from < bytes.length) add(bytes.subarray(from));
  }
  if (length > 0) yield { chunk: { offset: lineOffset, bytes: Buffer.concat(parts, length) }, ended: false };

  function add(part: Buffer): void {
    parts.push(part);
    length += part.length;
    if (length > MAX_RECORD_BYTES) {
      throw new CalibrationError(
        'limit',
        `${file}: line ${lineNumber} is longer than the ${MAX_RECORD_BYTES} bytes of one record; split it`,
      );
    }
  }
}

interface LineContext {
  readonly file: string;
  readonly lineNumber: number;
  readonly ended: boolean;
  readonly first: boolean;
}

function parseLine({ offset, bytes }: ByteChunk, { file, lineNumber, ended, first }: LineContext): unknown {
  const where = `${file}: line ${lineNumber}`;
  // A file may be cut off within a character, too.
  const whole = ended ? bytes : bytes.subarray(0, wholeCharactersLength(bytes));
  const text = decodeUtf8({ offset, bytes: whole }, file, `: line ${lineNumber}`);
  if (/^[ \t\r]*$/.test(text)) return undefined;
  try {
    return parseJsonRecord(text, where);
  } catch (error) {
    if (!(error instanceof CalibrationError && error.cause instanceof SyntaxError)) throw error;
    const { code, message, cause } = error;
    if (!ended) {
      throw new CalibrationError(
        code,
        `${file}: the file was cut off at line ${lineNumber}, its last; fetch it again or remove that line`,
        { cause },
      );
    }
    if (!first) throw error;
    throw new CalibrationError(
      code,
      `${message}; one record a line is expected: one array over many lines is a .json`,
      {
        cause,
      },
    );
  }
}
