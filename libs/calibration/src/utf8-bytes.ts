import { isUtf8 } from 'node:buffer';
import { CalibrationError } from './calibration-error.ts';

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Bytes of a file and where they stand in it, decompressed. */
export interface ByteChunk {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * The bytes of a text without its byte order mark.
 * @throws CalibrationError when nothing else is there, or the mark is that of UTF-16
 */
export async function* skipByteOrderMark(
  path: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<ByteChunk> {
  let head = Buffer.alloc(0);
  let offset = 0;
  let found = false;
  for await (const chunk of chunks) {
    // One chunk may be shorter than the mark.
    head = Buffer.concat([head, chunk]);
    if (offset === 0) {
      if (head.length < BYTE_ORDER_MARK.length) continue;
      offset = markLength(head, path);
      head = head.subarray(offset);
    }
    if (head.length > 0) {
      found = true;
      yield { offset, bytes: head };
    }
    offset += head.length;
    head = Buffer.alloc(0);
  }
  if (head.length > 0) {
    markLength(head, path);
    yield { offset: 0, bytes: head };
  } else if (!found) {
    throw new CalibrationError('file', `${path}: the file is empty`);
  }
}

function markLength(head: Buffer, path: string): number {
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) {
    throw new CalibrationError('format', `${path}: UTF-16 text; save the file as UTF-8`);
  }
  return BYTE_ORDER_MARK.every((byte, i) => head[i] === byte) ? BYTE_ORDER_MARK.length : 0;
}

/**
 * The text of whole characters. `offset` is where the bytes stand in the file, `place` an addition to the path in a
 * message, such as `: line 3`.
 * @throws CalibrationError that names the first byte that is not UTF-8
 */
export function decodeUtf8({ offset, bytes }: ByteChunk, path: string, place = ''): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new CalibrationError(
    'format',
    `${path}${place}: not valid UTF-8 at byte ${offset + firstInvalidByte(bytes)}; save the file as UTF-8`,
  );
}

/** How many of the bytes are whole characters; up to three behind them may be the start of one. */
export function wholeCharactersLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function firstInvalidByte(bytes: Buffer): number {
  const text = bytes.toString('utf8');
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    // The replacement character may stand in the file itself.
    if (!(bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd)) return offset;
    offset += 3;
    from = at + 1;
  }
  return offset;
}
