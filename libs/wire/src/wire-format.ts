import { WireError } from './wire-error.ts';

/**
 * Counts the length-delimited fields at a path of field numbers, without building the message: two bytes on
 * the wire can become a hundred bytes of object, so a limit on entries has to come before the parser.
 * @param path field numbers from the outermost message inwards, at least one
 * @throws WireError when the bytes are not protobuf
 */
export function countEntries(bytes: Uint8Array, path: readonly number[]): number {
  let at = 0;
  let count = 0;

  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (at >= bytes.length) malformed('ends inside a number');
      const byte = bytes[at++];
      // Tags and lengths fit 32 bits; the higher bits of a longer number are skipped like its value.
      if (i < 5) value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return malformed('holds a number of more than 10 bytes');
  };

  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const end = varint() + at;
      if (end > bytes.length) malformed('ends inside a field');
      if (tag >>> 3 === path[0])
        count += path.length === 1 ? 1 : countEntries(bytes.subarray(at, end), path.slice(1));
      at = end;
    } else malformed(`holds a field of wire type ${wireType}`);
  }
  if (at > bytes.length) malformed('ends inside a field');
  return count;
}

function malformed(what: string): never {
  throw new WireError('bad-message', `the message is not protobuf: it ${what}`);
}
