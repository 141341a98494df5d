import { open, stat, type FileHandle } from 'node:fs/promises';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';

/** Runs `use` on a regular file opened for reading, and closes it. File system errors come out as CheckpointError. */
export async function withFile<T>(
  path: string,
  use: (handle: FileHandle, sizeBytes: number) => Promise<T>,
): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Opening a pipe would wait for its writer.
    const stats = await stat(path);
    if (!stats.isFile()) throw new CheckpointError('unsupported', `${path}: is not a regular file`);
    handle = await open(path, 'r');
    return await use(handle, stats.size);
  } catch (error) {
    throw fromFileSystem(error, path);
  } finally {
    await handle?.close();
  }
}

/**
 * Fills `target` from `offsetBytes` on.
 * @throws CheckpointError `truncated` when the file ends before
 */
export async function readInto(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  offsetBytes: number,
): Promise<void> {
  for (let filled = 0; filled < target.length;) {
    const { bytesRead } = await handle.read(target, filled, target.length - filled, offsetBytes + filled);
    if (bytesRead === 0) {
      const wanted = offsetBytes + target.length;
      throw new CheckpointError(
        'truncated',
        `${path}: ends at byte ${offsetBytes + filled}, expected at least ${wanted} bytes`,
      );
    }
    filled += bytesRead;
  }
}

/** The `lengthBytes` bytes from `offsetBytes` on; the caller has compared both with the size of the file. */
export function readRange(path: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
  return withFile(path, async (handle) => {
    const bytes = new Uint8Array(lengthBytes);
    await readInto(handle, path, bytes, offsetBytes);
    return bytes;
  });
}

/** @throws CheckpointError when the file is larger than `maxBytes` */
export function readWholeFile(path: string, maxBytes: number): Promise<Buffer> {
  return withFile(path, async (handle, sizeBytes) => {
    if (sizeBytes > maxBytes) {
      throw new CheckpointError('malformed', `${path}: has ${sizeBytes} bytes, the limit is ${maxBytes}`);
    }
    const bytes = Buffer.alloc(sizeBytes);
    await readInto(handle, path, bytes, 0);
    return bytes;
  });
}

/**
 * Parses UTF-8 JSON whose top level is an object.
 * @param what named in errors, e.g. a path
 */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 120) : '';
    throw new CheckpointError('malformed', `${what}: is not UTF-8 JSON: ${reason}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CheckpointError('malformed', `${what}: the top level is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
