import type { GgufCursor } from './gguf-cursor.ts';

/** A file has some fifty keys. */
const MAX_KEYS = 65536;
/** Twice the largest vocabulary that is accepted. */
const MAX_ARRAY_LENGTH = 2 ** 22;

interface ScalarType {
  readonly bytes: number;
  readonly read: (bytes: Buffer) => number | boolean;
}

const SCALARS: Readonly<Record<number, ScalarType>> = {
  0: { bytes: 1, read: (bytes) => bytes.readUInt8() },
  1: { bytes: 1, read: (bytes) => bytes.readInt8() },
  2: { bytes: 2, read: (bytes) => bytes.readUInt16LE() },
  3: { bytes: 2, read: (bytes) => bytes.readInt16LE() },
  4: { bytes: 4, read: (bytes) => bytes.readUInt32LE() },
  5: { bytes: 4, read: (bytes) => bytes.readInt32LE() },
  6: { bytes: 4, read: (bytes) => bytes.readFloatLE() },
  7: { bytes: 1, read: (bytes) => bytes.readUInt8() !== 0 },
  10: { bytes: 8, read: (bytes) => Number(bytes.readBigUInt64LE()) },
  11: { bytes: 8, read: (bytes) => Number(bytes.readBigInt64LE()) },
  12: { bytes: 8, read: (bytes) => bytes.readDoubleLE() },
};
const FLOAT32_TYPE = 6;
const STRING_TYPE = 8;
const ARRAY_TYPE = 9;

const KEPT_LISTS: ReadonlySet<string> = new Set([
  'tokenizer.ggml.tokens',
  'tokenizer.ggml.merges',
  'tokenizer.ggml.scores',
  'tokenizer.ggml.token_type',
  'deci.attention.head_count',
  'deci.attention.head_count_kv',
  'deci.feed_forward_length',
]);

/** The shortest decimal that is the same float32: 1e-5 was rounded when it was written, and means 1e-5. */
function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function readList(cursor: GgufCursor, key: string): unknown[] {
  const type = cursor.u32(key);
  const length = cursor.u64(key);
  if (length > MAX_ARRAY_LENGTH) {
    throw cursor.malformed(`${key} has ${length} entries, the limit is ${MAX_ARRAY_LENGTH}`);
  }
  const kept = KEPT_LISTS.has(key);
  const list: unknown[] = [];
  if (type === STRING_TYPE) {
    for (let i = 0; i < length; i++) {
      if (kept) list.push(cursor.string(key));
      else cursor.skipString(key);
    }
    return list;
  }
  if (!Object.hasOwn(SCALARS, type))
    throw cursor.malformed(`${key} is a list of values of the unknown type ${type}`);
  const { bytes, read } = SCALARS[type];
  if (!kept) cursor.skip(length * bytes, key);
  else for (let i = 0; i < length; i++) list.push(read(cursor.take(bytes, key)));
  return list;
}

/** Where an entry is in its file, key and type included. */
export interface GgufEntry {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The metadata of a file. */
export interface GgufMetadata {
  /** Numbers, booleans, strings, and lists; a list that nothing here reads is checked but left empty. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly entries: ReadonlyMap<string, GgufEntry>;
}

/** Reads `count` metadata entries. */
export function readMetadata(cursor: GgufCursor, count: number): GgufMetadata {
  if (count > MAX_KEYS) throw cursor.malformed(`the metadata count is ${count}, the limit is ${MAX_KEYS}`);
  const metadata = new Map<string, unknown>();
  const entries = new Map<string, GgufEntry>();
  for (let i = 0; i < count; i++) {
    const offsetBytes = cursor.position;
    const key = cursor.name('a metadata key');
    if (metadata.has(key)) throw cursor.malformed(`the metadata key ${key} is there twice`);
    const type = cursor.u32(key);
    if (type === STRING_TYPE) metadata.set(key, cursor.string(key));
    else if (type === ARRAY_TYPE) metadata.set(key, readList(cursor, key));
    else if (Object.hasOwn(SCALARS, type)) {
      const value = SCALARS[type].read(cursor.take(SCALARS[type].bytes, key));
      metadata.set(key, type === FLOAT32_TYPE ? shortestFloat32(value as number) : value);
    } else throw cursor.malformed(`${key} has the unknown type ${type}`);
    entries.set(key, { offsetBytes, lengthBytes: cursor.position - offsetBytes });
  }
  return { values: Object.fromEntries(metadata), entries };
}
