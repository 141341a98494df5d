import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const DYNAMIC_ENTRY_BYTES = 16;
/** Linkers write about ten. */
const MAX_PROGRAM_HEADERS = 64;
/** Libraries have about forty. */
const MAX_DYNAMIC_ENTRIES = 4096;
const MAX_NEEDED = 128;
/** A file name's limit on Linux. */
const MAX_NAME_BYTES = 255;

const MACHINE_X86_64 = 62;
const TYPE_SHARED = 3;
const SEGMENT_LOAD = 1;
const SEGMENT_DYNAMIC = 2;
const TAG_END = 0;
const TAG_NEEDED = 1;
const TAG_STRING_TABLE = 5;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

/**
 * The libraries that an x86-64 shared library asks the loader for (`DT_NEEDED`), in its order.
 * @returns undefined where the file is not one, or not all of one: mapping a file that was cut short kills the
 *   process later. Format: System V gABI, chapters "Object Files" and "Dynamic Linking".
 */
export function neededLibraries(file: string): string[] | undefined {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const read = (offset: number, lengthBytes: number): Buffer | undefined => {
      if (!(offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= size)) return undefined;
      const bytes = Buffer.alloc(lengthBytes);
      return readSync(descriptor, bytes, 0, lengthBytes, offset) === lengthBytes ? bytes : undefined;
    };
    const segments = segmentsOf(read);
    if (!segments?.every(({ offset, fileBytes }) => offset + fileBytes <= size)) return undefined;
    return neededOf(segments, read);
  } finally {
    closeSync(descriptor);
  }
}

type Read = (offset: number, lengthBytes: number) => Buffer | undefined;

function segmentsOf(read: Read): Segment[] | undefined {
  const header = read(0, HEADER_BYTES);
  // 64 bits, little-endian.
  if (header?.subarray(0, 6).toString('latin1') !== '\x7fELF\x02\x01') return undefined;
  if (header.readUInt16LE(16) !== TYPE_SHARED || header.readUInt16LE(18) !== MACHINE_X86_64) return undefined;
  const count = header.readUInt16LE(56);
  if (header.readUInt16LE(54) !== PROGRAM_HEADER_BYTES || count > MAX_PROGRAM_HEADERS) return undefined;
  const table = read(number64(header, 32), count * PROGRAM_HEADER_BYTES);
  // Linkers write the section headers last: with them, all of the file is there.
  const sections = read(number64(header, 40), header.readUInt16LE(60) * SECTION_HEADER_BYTES);
  if (table === undefined || sections === undefined) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const start = i * PROGRAM_HEADER_BYTES;
    return {
      type: table.readUInt32LE(start),
      offset: number64(table, start + 8),
      address: number64(table, start + 16),
      fileBytes: number64(table, start + 32),
    };
  });
}

function neededOf(segments: readonly Segment[], read: Read): string[] | undefined {
  const dynamic = segments.find(({ type }) => type === SEGMENT_DYNAMIC);
  if (dynamic === undefined) return undefined;
  const count = Math.floor(dynamic.fileBytes / DYNAMIC_ENTRY_BYTES);
  const table = count <= MAX_DYNAMIC_ENTRIES && read(dynamic.offset, count * DYNAMIC_ENTRY_BYTES);
  if (!table) return undefined;
  const nameOffsets: number[] = [];
  let stringsAddress = NaN;
  for (let i = 0; i < count; i++) {
    const tag = number64(table, i * DYNAMIC_ENTRY_BYTES);
    const value = number64(table, i * DYNAMIC_ENTRY_BYTES + 8);
    if (tag === TAG_END) break;
    if (tag === TAG_NEEDED) nameOffsets.push(value);
    if (tag === TAG_STRING_TABLE) stringsAddress = value;
  }
  const strings = segments.find(
    ({ type, address, fileBytes }) =>
      type === SEGMENT_LOAD && stringsAddress >= address && stringsAddress < address + fileBytes,
  );
  if (strings === undefined || nameOffsets.length > MAX_NEEDED) return undefined;
  const names = nameOffsets.map((offset) => nameAt(strings, stringsAddress - strings.address + offset, read));
  return names.every((name) => name !== undefined) ? names : undefined;
}

function nameAt(segment: Segment, offset: number, read: Read): string | undefined {
  const bytes = read(segment.offset + offset, Math.min(MAX_NAME_BYTES + 1, segment.fileBytes - offset));
  const end = bytes?.indexOf(0) ?? -1;
  return end > 0 ? bytes?.toString('latin1', 0, end) : undefined;
}

/** Exact up to 2^53; beyond, larger than any file. */
function number64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32;
}
