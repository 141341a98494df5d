import { open } from 'node:fs/promises';
import { syncFolder as sync, writeWhole as write } from '@blockpruner/whole-file';
import { errnoOf, ioError, RunFolderError } from './errors.ts';

/** Who has a folder. */
export interface Owner {
  /** @throws RunFolderError `lost-ownership` when another process has the folder by now */
  check(): void;
}

/**
 * Writes a file under its final name only once all of it is on the disk, and its writer still has the folder.
 * @throws RunFolderError `lost-ownership`, `io`
 */
export async function writeWhole(path: string, text: string, owner: Owner): Promise<void> {
  await write(path, text, () => owner.check()).catch((error: unknown) => {
    throw ioError(error, 'write', path);
  });
}

/**
 * Makes the names in a folder durable, where the file system can.
 * @throws RunFolderError `io`
 */
export async function syncFolder(path: string): Promise<void> {
  await sync(path).catch((error: unknown) => {
    throw ioError(error, 'sync', path);
  });
}

/**
 * Reads a file of at most `maxBytes`.
 * @throws RunFolderError `corrupt` when it is missing or larger, `io`
 */
export async function readWhole(path: string, maxBytes: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw new RunFolderError(
          'corrupt',
          `${path} has ${size} bytes, the limit is ${maxBytes}: restore it from a copy`,
        );
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new RunFolderError('corrupt', `${path} is missing: restore it from a copy or start a new run`, {
        cause: error,
      });
    }
    throw ioError(error, 'read', path);
  }
}
