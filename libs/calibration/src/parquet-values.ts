import type { ParquetParsers } from 'hyparquet';
import { MAX_RECORD_DEPTH } from './limits.ts';

// Without `fatal`, bytes that are no text would become replacement characters.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parsers for hyparquet that refuse what is not UTF-8. */
export const STRICT_PARSERS: Pick<ParquetParsers, 'stringFromBytes' | 'jsonFromBytes'> = {
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && (JSON.parse(utf8.decode(bytes)) as unknown),
};

/** A value as JSON has it, and about how many bytes it takes. */
export interface PlainValue {
  readonly value: unknown;
  readonly bytes: number;
}

/**
 * A value of hyparquet as JSON would have it: bigint becomes a number where it is safe and a string elsewhere, dates
 * become ISO strings, undefined becomes null.
 * @throws Error for bytes, which are no JSON value, and for too much depth
 */
export function toPlainValue(given: unknown): PlainValue {
  let bytes = 0;
  return { value: convert(given, 0), bytes };

  function convert(value: unknown, depth: number): unknown {
    bytes += 8;
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw new Error('a string with half of a surrogate pair');
      bytes += 2 * value.length;
      return value;
    }
    if (typeof value === 'bigint') {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value.toString();
    }
    if (value === undefined || value === null) return null;
    return typeof value === 'object' ? convertObject(value, depth) : value;
  }

  function convertObject(value: object, depth: number): unknown {
    if (depth >= MAX_RECORD_DEPTH) throw new Error(`a value more than ${MAX_RECORD_DEPTH} deep`);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (Array.isArray(value)) return value.map((item) => convert(item, depth + 1));
    if (ArrayBuffer.isView(value)) throw new Error('bytes, not text');
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item, depth + 1)]));
  }
}
