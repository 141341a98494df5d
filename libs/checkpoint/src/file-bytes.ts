import { open, readlink, stat, type FileHandle } from 'node:fs/promises';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { findDuplicateKey } from './json-keys.ts';
import { excessOfJson } from './json-size.ts';

/** Node reads at most 2 GiB in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** A download into the hub's cache that was cut off leaves links to files that never came. */
async function explainFailure(error: unknown, path: string): Promise<unknown> {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return fromFileSystem(error, path);
  const target = await readlink(path).catch(() => null);
  if (target === null) return fromFileSystem(error, path);
  return new CheckpointError(
    'not-found',
    `${path}: is a link to ${target}, which is not there: fetch it again`,
  );
}

/** Runs `use` on a regular file opened for reading, and closes it. File system errors come out as CheckpointError. */
export async function withFile<T>(
  path: string,
  use: (handle: FileHandle, sizeBytes: number) => Promise<T>,
): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Opening a pipe would wait for its writer.
    const stats = await stat(path);
    if (!stats.isFile()) {
      const kind = stats.isDirectory() ? 'is a folder: expected a file' : 'is not a regular file';
      throw new CheckpointError('unsupported', `${path}: ${kind}`);
    }
    handle = await open(path, 'r');
    return await use(handle, stats.size);
  } catch (error) {
    throw await explainFailure(error, path);
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
    const length = Math.min(target.length - filled, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(target, filled, length, offsetBytes + filled);
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

/** The same; null when the file is not there. */
export async function readFileIfThere(path: string, maxBytes: number): Promise<Buffer | null> {
  try {
    return await readWholeFile(path, maxBytes);
  } catch (error) {
    if (error instanceof CheckpointError && error.code === 'not-found') return null;
    throw error;
  }
}

/**
 * Parses UTF-8 JSON whose top level is an object; a key that any object of it holds twice is an error.
 * @param what named in errors, e.g. a path
 */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  const malformed = (reason: string, cause?: unknown) =>
    new CheckpointError('malformed', `${what}: ${reason}`, { cause });
  let text: string;
  let value: unknown;
  let excess: string | null;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    excess = excessOfJson(text);
    value = excess === null ? JSON.parse(text) : null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 120) : '';
    throw malformed(`is not UTF-8 JSON: ${reason}`, error);
  }
  if (excess !== null) throw malformed(excess);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed('the top level is not a JSON object');
  }
  const twice = findDuplicateKey(text);
  if (twice !== null) {
    throw malformed(`key ${JSON.stringify(twice.slice(0, 100))} is there twice: which one counts is open`);
  }
  return value as Record<string, unknown>;
}
