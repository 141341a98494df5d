import { BoundedProcess, type Bounds } from './bounded-process.ts';
import type { ByteSource } from './decompress.ts';
import { MAX_PARQUET_HEAP_BYTES, MAX_ROW_GROUP_MS } from './limits.ts';
import type { ParquetReply, ParquetRequest } from './parquet-message.ts';
import type { SourceRecord } from './source-record.ts';
import { unpackCopy } from './unpacked-copy.ts';

const CHILD_MAIN = new URL('./parquet-child.ts', import.meta.url);

const BOUNDS: Bounds = {
  heapBytes: MAX_PARQUET_HEAP_BYTES,
  maxMs: MAX_ROW_GROUP_MS,
  wayOut: 'it may be corrupt, else write it with smaller row groups',
};

/**
 * The rows of a Parquet file, counted from 0, as `readParquetRows` gives them. A compressed file is unpacked into the
 * temporary folder first, for its footer comes last; the copy is gone before the first row is decoded.
 *
 * hyparquet decodes in a process of its own. It takes what stands inside of a page as it is: a run of two billion
 * nulls in four bytes fills memory until Node aborts, a bit width of 0 with a negative count loops for ever, and
 * 15 KB of prefixes make 4 GB of text.
 * @throws CalibrationError for a bad file, and one beyond a limit of size, memory or time
 */
export async function* readParquet(
  source: ByteSource,
  textColumn: string | null,
  bounds: Partial<Bounds> = {},
): AsyncGenerator<SourceRecord> {
  const { path, compression, onBytes } = source;
  const decoder = new BoundedProcess<ParquetRequest, ParquetReply>(CHILD_MAIN, { ...BOUNDS, ...bounds });
  const open = (bytesPath: string) =>
    decoder.ask({ kind: 'open', bytesPath, path, textColumn }, `${path}: opening it`);
  const next = () => decoder.ask({ kind: 'next' }, `${path}: decoding it`);
  try {
    if (compression === 'none') await open(path);
    else {
      const copy = await unpackCopy(source);
      try {
        await open(copy.path);
      } finally {
        await copy.remove();
      }
    }
    let doneBytes = 0;
    for (let reply = await next(); reply.kind === 'rows'; reply = await next()) {
      const { batch } = reply;
      for (const [i, row] of batch.rows.entries()) {
        yield { file: path, place: `row ${batch.firstRow + i}`, value: row, continues: false };
      }
      if (compression === 'none') onBytes(batch.doneBytes - doneBytes);
      doneBytes = batch.doneBytes;
    }
  } finally {
    decoder.close();
  }
}
