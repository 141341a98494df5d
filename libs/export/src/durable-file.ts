import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { ExportError } from './export-error.ts';
import type { PlannedFile } from './planned-file.ts';

/** So much is lost at most when the machine fails. */
export const SYNC_BYTES = 16 * 2 ** 20;

/**
 * How much of a file that was being written is on the disk for sure. Nothing is written beyond a sync point before the
 * sync has returned, so that bytes behind one prove those before it.
 */
export function durableBytes(sizeBytes: number): number {
  return Math.max(0, Math.floor((sizeBytes - 1) / SYNC_BYTES) * SYNC_BYTES);
}

/** The part of a file that need not be written again, in bytes. What is no larger than a sync interval is always. */
export async function keptBytes(path: string, { sizeBytes }: PlannedFile): Promise<number> {
  if (sizeBytes <= SYNC_BYTES) return 0;
  if ((await sizeOf(path)) === sizeBytes) return sizeBytes;
  return Math.min(durableBytes(await sizeOf(incompleteName(path))), durableBytes(sizeBytes));
}

function incompleteName(path: string): string {
  return `${path}.incomplete`;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/**
 * Writes a file from `startBytes` on; it has its name once all of it is on the disk.
 * @param startBytes what `keptBytes` said
 * @param onWritten called with the bytes of each write
 * @throws what the signal was aborted with, between two writes; what is there stays
 */
export async function writeDurably(
  path: string,
  file: PlannedFile,
  startBytes: number,
  onWritten: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const handle = await open(incompleteName(path), startBytes > 0 ? 'r+' : 'w');
  try {
    if (startBytes > 0) await handle.truncate(startBytes);
    let position = startBytes;
    for await (const chunk of file.read(startBytes)) {
      for (let done = 0; done < chunk.length;) {
        signal?.throwIfAborted();
        const untilSync = SYNC_BYTES - (position % SYNC_BYTES);
        const part = chunk.subarray(done, done + untilSync);
        await writeAt(handle, part, position);
        position += part.length;
        done += part.length;
        if (part.length === untilSync) await handle.sync();
        onWritten(part.length);
      }
    }
    if (position !== file.sizeBytes) {
      throw new ExportError(`${path}: became ${position} bytes, planned are ${file.sizeBytes}`);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(incompleteName(path), path);
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
