import { crc32c } from '@aws-crypto/crc32c';

/** Bounds one read; `appendCells` splits what is larger. */
export const MAX_RECORD_BYTES = 64 * 2 ** 20;

const HEADER_BYTES = 8;

/** Size in `cells.bin` of a record of `valueCount` window sums. */
export function recordBytes(valueCount: number): number {
  return HEADER_BYTES + 8 * valueCount;
}

/** A record of `cells.bin`: payload length and CRC32C (u32), then the window sums of its cells (float64), little-endian. */
export function encodeRecord(cells: readonly Float64Array[]): Buffer {
  const valueCount = cells.reduce((sum, values) => sum + values.length, 0);
  const record = Buffer.alloc(recordBytes(valueCount));
  let at = HEADER_BYTES;
  for (const values of cells) for (const value of values) at = record.writeDoubleLE(value, at);
  record.writeUInt32LE(8 * valueCount, 0);
  record.writeUInt32LE(crc32c(record.subarray(HEADER_BYTES)), 4);
  return record;
}

/**
 * The window sums of each cell of a record.
 * @param record as many bytes of the file as the record should have; fewer where the file ends
 * @param valueCounts window sums of each cell
 * @returns what is wrong, as text, when the record is not as `encodeRecord` wrote it
 */
export function decodeRecord(record: Buffer, valueCounts: readonly number[]): Float64Array[] | string {
  const bytes = recordBytes(valueCounts.reduce((sum, count) => sum + count, 0));
  if (record.length < bytes) return `the file ends ${bytes - record.length} bytes early`;
  const length = record.readUInt32LE(0);
  if (length !== bytes - HEADER_BYTES) return `length ${length}, expected ${bytes - HEADER_BYTES}`;
  if (record.readUInt32LE(4) !== crc32c(record.subarray(HEADER_BYTES, bytes))) return 'wrong checksum';
  let at = HEADER_BYTES;
  return valueCounts.map((count) => {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++, at += 8) values[i] = record.readDoubleLE(at);
    return values;
  });
}
