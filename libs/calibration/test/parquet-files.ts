import { parquetWriteBuffer, type ColumnSource } from 'hyparquet-writer';

/** A number of rows that stands nowhere else in a small file. */
export const ROW_COUNT = 1237;

const TAIL_BYTES = 8;

/** A Parquet file that is not compressed and has no statistics, so that its bytes are easily found. */
export function parquetFile(columnData: ColumnSource[], rowGroupSize = 2000): Buffer {
  return Buffer.from(
    parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED', statistics: false, rowGroupSize }),
  );
}

/** A column of ROW_COUNT words, of which there are three. */
export function wordColumn(name = 'text', count = ROW_COUNT): ColumnSource {
  return { name, data: Array.from({ length: count }, (_, i) => ['aa', 'bb', 'cc'][i % 3]), type: 'STRING' };
}

/** The file with another number wherever the footer has this one. */
export function lieInFooter(file: Buffer, truth: number, lie: number): Buffer {
  return replaceFooter(file, (footer) => replaceAll(footer, zigZag(truth), zigZag(lie)));
}

/** The file with another footer, of the length that it says. */
export function replaceFooter(file: Buffer, change: (footer: Buffer) => Buffer): Buffer {
  const tail = file.subarray(-TAIL_BYTES);
  const start = file.length - TAIL_BYTES - tail.readUInt32LE(0);
  const footer = change(file.subarray(start, -TAIL_BYTES));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([file.subarray(0, start), footer, length, tail.subarray(4)]);
}

/** The file with other bytes in place of as many; throws where they are not found. */
export function patch(file: Buffer, from: readonly number[], to: readonly number[]): Buffer {
  const at = file.indexOf(Buffer.from(from));
  if (at < 0 || from.length !== to.length) throw new Error('nothing to patch');
  const patched = Buffer.from(file);
  patched.set(to, at);
  return patched;
}

function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const parts = [];
  let start = 0;
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, start)) {
    parts.push(bytes.subarray(start, at), to);
    start = at + from.length;
  }
  if (parts.length === 0) throw new Error('nothing to replace');
  return Buffer.concat([...parts, bytes.subarray(start)]);
}

function zigZag(value: number): Buffer {
  const bytes = [];
  let rest = 2 * value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
