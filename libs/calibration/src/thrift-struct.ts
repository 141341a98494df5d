/** The integers and structs of a Thrift struct by field id; other values are checked and left out. */
export type ThriftStruct = ReadonlyMap<number, number | ThriftStruct>;

/** Nesting of what Parquet writes is below ten. */
const MAX_DEPTH = 32;

/**
 * Reads a struct of Thrift's compact protocol
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md) and where it ends. It is here to
 * be run before a parser that believes list sizes: what passes has no list longer than its bytes, and little depth.
 * @throws Error when the bytes are no such struct
 */
export function readThriftStruct(bytes: Buffer, start: number): { struct: ThriftStruct; end: number } {
  let at = start;
  const struct = readStruct(0);
  return { struct, end: at };

  function readStruct(depth: number): ThriftStruct {
    if (depth > MAX_DEPTH) throw new Error(`structs more than ${MAX_DEPTH} deep`);
    const fields = new Map<number, number | ThriftStruct>();
    let id = 0;
    for (let header = byte(); header !== 0; header = byte()) {
      const delta = header >> 4;
      id = delta === 0 ? zigZag() : id + delta;
      const value = readValue(header & 15, depth);
      if (value !== undefined) fields.set(id, value);
    }
    return fields;
  }

  function readValue(type: number, depth: number): number | ThriftStruct | undefined {
    switch (type) {
      case 1:
      case 2:
        return undefined;
      case 3:
        return byte();
      case 4:
      case 5:
      case 6:
        return zigZag();
      case 7:
        return skip(8);
      case 8:
        return skip(varInt());
      case 9:
        return skipList(depth + 1);
      case 12:
        return readStruct(depth + 1);
      default:
        throw new Error(`unknown Thrift type ${type}`);
    }
  }

  function skipList(depth: number): undefined {
    if (depth > MAX_DEPTH) throw new Error(`lists more than ${MAX_DEPTH} deep`);
    const header = byte();
    const size = header >> 4 === 15 ? varInt() : header >> 4;
    if (size > bytes.length - at) throw new Error(`a list of ${size} in ${bytes.length - at} bytes`);
    const type = header & 15;
    for (let i = 0; i < size; i++) {
      // Booleans have a byte each in a list, and none as a field.
      if (type === 1 || type === 2) skip(1);
      else readValue(type, depth);
    }
    return undefined;
  }

  function skip(count: number): undefined {
    if (count > bytes.length - at) throw new Error(`${count} bytes where ${bytes.length - at} are left`);
    at += count;
    return undefined;
  }

  function byte(): number {
    if (at >= bytes.length) throw new Error('a struct without an end');
    return bytes[at++];
  }

  function zigZag(): number {
    const value = varInt();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Up to 64 bits; beyond 2^53 the value is near the true one, which no size here may be. */
  function varInt(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const next = byte();
      value += (next & 127) * 2 ** shift;
      if (next < 128) return value;
    }
    throw new Error('an integer of more than 64 bits');
  }
}
