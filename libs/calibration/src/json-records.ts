import { CalibrationError } from './calibration-error.ts';
import { MAX_RECORDS, MAX_ROW_TOKENS, MAX_TEXT_BYTES, MIN_ROW_TOKENS } from './limits.ts';

/** What a calibration file in JSON holds. */
export type JsonRecords =
  | { readonly kind: 'text'; readonly records: readonly string[] }
  | { readonly kind: 'token-ids'; readonly rows: readonly Int32Array[] };

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `\\u0061` is one byte of text in six of JSON. */
const LONGEST_ESCAPE = 6;
const ACCEPTED = 'write an array of strings, or an array of token-id arrays';

/**
 * Reads an array of strings, or an array of token-id arrays, from valid UTF-8. Positions in messages are byte
 * offsets; rows and positions in a row count from 0.
 *
 * The two shapes are parsed here and not by `JSON.parse`: ids go straight into typed arrays, so a file may be
 * larger than the longest string, and each error knows its row and position.
 * @throws CalibrationError for anything else, an id outside `[0, vocabSize)`, or a size beyond a limit
 */
export function parseJsonRecords(bytes: Buffer, path: string, vocabSize: number): JsonRecords {
  return new RecordReader(bytes, path, vocabSize).read();
}

/** A cursor over the bytes of one file. `at` never moves back and never passes the end. */
class RecordReader {
  private readonly bytes: Buffer;
  private readonly path: string;
  private readonly vocabSize: number;
  private at = 0;
  private textBytes = 0;

  constructor(bytes: Buffer, path: string, vocabSize: number) {
    this.bytes = bytes;
    this.path = path;
    this.vocabSize = vocabSize;
  }

  read(): JsonRecords {
    this.skipSpace();
    if (this.peek() !== OPEN) this.fail(`${this.found()} where an array must begin: ${ACCEPTED}`);
    const records: string[] = [];
    const rows: Int32Array[] = [];
    this.readArray(() => {
      const count = records.length + rows.length;
      if (count === MAX_RECORDS) {
        throw new CalibrationError(
          'limit',
          `${this.path}: more than ${MAX_RECORDS} array elements; give a part of them`,
        );
      }
      const byte = this.peek();
      if (byte === QUOTE && rows.length === 0) records.push(this.readString(count));
      else if (byte === OPEN && records.length === 0) rows.push(this.readRow(count));
      else if (byte === QUOTE || byte === OPEN) {
        this.fail(`element ${count} is ${this.found()} while those before it are not: ${ACCEPTED}`);
      } else this.fail(`element ${count}: ${this.found()} is neither a string nor an array: ${ACCEPTED}`);
    });
    this.skipSpace();
    if (this.at < this.bytes.length) this.fail(`${this.found()} after the end of the array`);
    if (rows.length > 0) return { kind: 'token-ids', rows };
    if (records.length > 0) return { kind: 'text', records };
    throw new CalibrationError('format', `${this.path}: the array is empty: ${ACCEPTED}`);
  }

  /** Walks one array; the cursor stands on its bracket. */
  private readArray(readElement: () => void): void {
    this.at++;
    this.skipSpace();
    if (this.peek() === CLOSE) {
      this.at++;
      return;
    }
    for (;;) {
      readElement();
      this.skipSpace();
      const byte = this.peek();
      if (byte !== COMMA && byte !== CLOSE) this.fail(`${this.found()} where "," or "]" must follow`);
      this.at++;
      if (byte === CLOSE) return;
      this.skipSpace();
    }
  }

  private readString(element: number): string {
    const start = this.at++;
    while (this.at < this.bytes.length && this.bytes[this.at] !== QUOTE) {
      this.at += this.bytes[this.at] === BACKSLASH ? 2 : 1;
    }
    if (this.at >= this.bytes.length) {
      this.at = start;
      this.fail(`the string of element ${element} never ends`);
    }
    this.at++;
    this.checkTextBytes((this.at - start) / LONGEST_ESCAPE);
    let text: string;
    try {
      text = JSON.parse(this.bytes.toString('utf8', start, this.at)) as string;
    } catch (error) {
      throw new CalibrationError(
        'format',
        `${this.path}: not valid JSON: the string of element ${element}, which begins at byte ${start}, ` +
          'holds a raw control character or a bad escape',
        { cause: error },
      );
    }
    if (!text.isWellFormed()) {
      throw new CalibrationError(
        'format',
        `${this.path}: the string of element ${element}, at byte ${start}, holds half of a surrogate pair`,
      );
    }
    this.textBytes += Buffer.byteLength(text);
    this.checkTextBytes(0);
    return text;
  }

  private checkTextBytes(more: number): void {
    if (this.textBytes + more > MAX_TEXT_BYTES) {
      throw new CalibrationError(
        'limit',
        `${this.path}: more than ${MAX_TEXT_BYTES} bytes of text, which is encoded in one go; ` +
          'give a part of it, or token-id arrays',
      );
    }
  }

  private readRow(row: number): Int32Array {
    const ids: number[] = [];
    this.readArray(() => {
      if (ids.length === MAX_ROW_TOKENS) {
        throw new CalibrationError(
          'limit',
          `${this.path}: row ${row} has more than ${MAX_ROW_TOKENS} token ids; split it into shorter rows`,
        );
      }
      ids.push(this.readTokenId(row, ids.length));
    });
    if (ids.length < MIN_ROW_TOKENS) {
      throw new CalibrationError(
        'format',
        `${this.path}: row ${row} has ${ids.length} token ids; a row needs at least ${MIN_ROW_TOKENS}, ` +
          'one to predict from and one to predict',
      );
    }
    return Int32Array.from(ids);
  }

  private readTokenId(row: number, position: number): number {
    const start = this.at;
    while (this.at < this.bytes.length && isNumberByte(this.bytes[this.at])) this.at++;
    const text = this.bytes.toString('latin1', start, this.at);
    if (text === '') {
      this.fail(`row ${row}, position ${position}: ${this.found()} is not a token id: ids are plain numbers`);
    }
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
      this.at = start;
      this.fail(`row ${row}, position ${position}: "${text.slice(0, 40)}" is not a number`);
    }
    const id = Number(text);
    if (!Number.isInteger(id) || id < 0 || id >= this.vocabSize) {
      throw new CalibrationError(
        'token-id',
        `${this.path}: row ${row}, position ${position}: token id ${text.slice(0, 40)} is not an integer from 0 to ` +
          `${this.vocabSize - 1}: the model's vocabulary has ${this.vocabSize} tokens`,
      );
    }
    return id;
  }

  private skipSpace(): void {
    while (this.at < this.bytes.length && isSpace(this.bytes[this.at])) this.at++;
  }

  private peek(): number | undefined {
    return this.bytes[this.at];
  }

  /** What stands at the cursor, in words. */
  private found(): string {
    const byte = this.peek();
    if (byte === undefined) return 'the end of the file';
    if (byte === OPEN) return 'an array';
    if (byte === QUOTE) return 'a string';
    if (byte === 0x7b) return 'an object';
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return 'a number';
    return JSON.stringify(
      String.fromCodePoint(this.bytes.toString('utf8', this.at, this.at + 4).codePointAt(0) ?? 0),
    );
  }

  private fail(message: string): never {
    throw new CalibrationError('format', `${this.path}: at byte ${this.at}: ${message}`);
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].includes(byte);
}
