import { crc32c } from '@aws-crypto/crc32c';
import { encodeJson, readObject } from './json-fields.ts';

/** Bounds what a damaged or hostile journal makes a reader hold. */
export const MAX_LINE_BYTES = 16 * 2 ** 20;

const HEAD = '{"crc":"';
const MIDDLE = '","event":';
const PAYLOAD_START = HEAD.length + 8 + MIDDLE.length;

function checksumText(bytes: Uint8Array): string {
  return crc32c(bytes).toString(16).padStart(8, '0');
}

/**
 * One line of the journal, newline included: `{"crc":"…","event":{…}}`, the CRC32C of the event's bytes as written.
 * @throws RangeError when the line would be longer than 16 MiB
 */
export function encodeLine(event: object): Buffer {
  const text = encodeJson(event);
  const line = Buffer.from(`${HEAD}${checksumText(Buffer.from(text))}${MIDDLE}${text}}\n`);
  if (line.length > MAX_LINE_BYTES) {
    throw new RangeError(`a journal event of ${line.length} bytes is over the limit of ${MAX_LINE_BYTES}`);
  }
  return line;
}

/**
 * The event of a line, given without its newline.
 * @throws RangeError saying what is wrong when the line is not as `encodeLine` wrote it
 */
export function decodeLine(line: Buffer): object {
  const head = line.toString('latin1', 0, PAYLOAD_START);
  if (
    !head.startsWith(HEAD) ||
    !head.endsWith(MIDDLE) ||
    head.length !== PAYLOAD_START ||
    line.at(-1) !== 0x7d
  ) {
    throw new RangeError('not a journal line');
  }
  const payload = line.subarray(PAYLOAD_START, line.length - 1);
  if (head.slice(HEAD.length, HEAD.length + 8) !== checksumText(payload))
    throw new RangeError('wrong checksum');
  return readObject(JSON.parse(payload.toString('utf8')), 'event');
}
