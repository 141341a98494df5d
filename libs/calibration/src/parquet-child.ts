/** Main of the process that decodes Parquet: one file, and its rows as they are asked for. */
import type { FileHandle } from 'node:fs/promises';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_PARQUET_MEMORY_BYTES } from './limits.ts';
import type { FileBytes } from './parquet-footer.ts';
import type { ParquetReply, ParquetRequest } from './parquet-message.ts';
import { readParquetRows, type RowBatch } from './parquet-rows.ts';
import { watchProcess } from './process-watch.ts';
import { openSource } from './source-file.ts';

watchProcess(MAX_PARQUET_MEMORY_BYTES);

let batches: AsyncGenerator<RowBatch> | undefined;

process.on('message', (request) => void answer(request as ParquetRequest));

async function answer(request: ParquetRequest): Promise<void> {
  try {
    reply(request.kind === 'open' ? await open(request) : await next());
  } catch (error) {
    const { code, message } =
      error instanceof CalibrationError ? error : { code: 'format' as const, message: quoteCause(error) };
    reply({ kind: 'failed', code, message });
  }
}

function reply(message: ParquetReply): void {
  process.send?.(message);
}

async function open(request: ParquetRequest & { kind: 'open' }): Promise<ParquetReply> {
  const { handle, sizeBytes } = await openSource(request.bytesPath);
  batches = readParquetRows(fileBytes(request.path, handle, sizeBytes), request.textColumn);
  return { kind: 'opened' };
}

async function next(): Promise<ParquetReply> {
  const result = await batches?.next();
  return result === undefined || result.done === true
    ? { kind: 'end' }
    : { kind: 'rows', batch: result.value };
}

function fileBytes(path: string, file: FileHandle, sizeBytes: number): FileBytes {
  return {
    path,
    sizeBytes,
    async read(start, end) {
      const bytes = Buffer.alloc(end - start);
      for (let done = 0; done < bytes.length;) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) throw new CalibrationError('file', `${path}: shorter than it was when opened`);
        done += bytesRead;
      }
      return bytes;
    },
  };
}
