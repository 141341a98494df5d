import { CalibrationError } from './calibration-error.ts';
import { depthError } from './json-value.ts';
import { MAX_RECORD_BYTES, MAX_RECORD_DEPTH } from './limits.ts';
import type { ByteChunk } from './utf8-bytes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

const WAY_OUT = 'write one array of strings, objects or token-id arrays, or one record a line in a .jsonl';

/** The bytes of one element, not parsed, without the blanks before it. */
export interface JsonElement extends ByteChunk {
  /** From 0. */
  readonly index: number;
}

/**
 * Splits the text of a JSON array into its elements, chunk by chunk, in the memory of one element.
 *
 * Invariants:
 * 1. `depth` counts the brackets open outside of strings; the array's own is 1. It is 0 before the array and behind it.
 * 2. `parts` holds the bytes of the element under way from before this chunk; `startByte` is where it began, or
 *    -1 between elements. Of an object at the top, which only leads to an error, no bytes are kept.
 * 3. It tells elements apart, nothing more: what passes here may still not be JSON.
 */
export class JsonArraySplitter {
  private readonly file: string;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private index = 0;
  private startByte = -1;
  private parts: Buffer[] = [];
  private afterComma = false;
  private top: 'nothing' | 'array' | 'object' = 'nothing';
  private topText = '';

  constructor(file: string) {
    this.file = file;
  }

  /** @throws CalibrationError for anything that cannot be an array of records within the limits */
  *push({ offset, bytes }: ByteChunk): Generator<JsonElement> {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (this.inString) {
        i = this.endOfString(bytes, i);
        continue;
      }
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      if (this.depth === 0) {
        this.open(byte, offset + i);
        if (this.top === 'object') this.topText = bytes.toString('latin1', i, i + 64);
        continue;
      }
      if (this.depth === 1 && this.top === 'array' && (byte === COMMA || byte === CLOSE_ARRAY)) {
        if (this.startByte >= 0) yield this.element(bytes, offset, i);
        else if (byte === COMMA || this.afterComma)
          throw this.error(`a comma too many at byte ${offset + i}`);
        this.afterComma = byte === COMMA;
        if (byte === CLOSE_ARRAY) this.depth = 0;
        continue;
      }
      if (this.startByte < 0) this.startByte = offset + i;
      if (byte === QUOTE) this.inString = true;
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.deepen(offset + i);
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.close(offset + i);
    }
    this.keep(bytes, offset);
  }

  /** @throws CalibrationError when the array has not ended, or nothing is in it */
  end(): void {
    if (this.top === 'object') throw this.objectError();
    if (this.depth > 0) {
      throw this.error(`the file was cut off within element ${this.index}`, 'fetch it again');
    }
    if (this.top === 'nothing') throw this.error('nothing is in the file');
    if (this.index === 0) throw this.error('the array is empty');
  }

  /** The last byte of the string that belongs to it in this chunk. */
  private endOfString(bytes: Buffer, from: number): number {
    let i = this.escaped ? from + 1 : from;
    for (; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) {
        this.inString = this.escaped = false;
        return i;
      }
    }
    this.escaped = i > bytes.length;
    return bytes.length - 1;
  }

  private open(byte: number, at: number): void {
    if (this.top === 'object') {
      throw this.error(`several JSON values one behind the other (byte ${at})`, 'name the file .jsonl');
    }
    if (this.top === 'array') {
      throw this.error(`something follows the array at byte ${at}`, 'one array a line is a .jsonl');
    }
    if (byte !== OPEN_ARRAY && byte !== OPEN_OBJECT) {
      throw this.error(`does not begin with a JSON array (byte ${at})`);
    }
    this.top = byte === OPEN_ARRAY ? 'array' : 'object';
    this.depth = 1;
    if (this.top === 'object') this.startByte = at;
  }

  private deepen(at: number): void {
    this.depth++;
    if (this.depth <= MAX_RECORD_DEPTH + 1) return;
    if (this.top === 'object') throw this.objectError();
    throw depthError(`${this.file}: element ${this.index} at byte ${at}`);
  }

  private close(at: number): void {
    this.depth--;
    if (this.depth === 0 && this.top === 'array')
      throw this.error(`a bracket that does not match at byte ${at}`);
  }

  private element(bytes: Buffer, offset: number, end: number): JsonElement {
    const last = bytes.subarray(Math.max(0, this.startByte - offset), end);
    const element = {
      index: this.index,
      offset: this.startByte,
      bytes: Buffer.concat([...this.parts, last]),
    };
    this.checkLength(element.bytes.length);
    this.parts = [];
    this.startByte = -1;
    this.index++;
    return element;
  }

  private keep(bytes: Buffer, offset: number): void {
    if (this.startByte < 0) return;
    this.checkLength(offset + bytes.length - this.startByte);
    if (this.top === 'array') this.parts.push(bytes.subarray(Math.max(0, this.startByte - offset)));
  }

  private checkLength(length: number): void {
    if (length <= MAX_RECORD_BYTES) return;
    if (this.top === 'object') throw this.objectError();
    throw new CalibrationError(
      'limit',
      `${this.file}: element ${this.index} at byte ${this.startByte} is longer than the ${MAX_RECORD_BYTES} bytes of one record; split it`,
    );
  }

  private objectError(): CalibrationError {
    const key = /^\{\s*"(\w{1,40})"\s*:\s*\[/.exec(this.topText)?.[1];
    const way =
      key === undefined ? WAY_OUT : `write its array alone (jq '.${key}'), or an object a line in a .jsonl`;
    return this.error('an object at the top, not an array', way);
  }

  private error(what: string, way: string = WAY_OUT): CalibrationError {
    return new CalibrationError('format', `${this.file}: ${what}; ${way}`);
  }
}
