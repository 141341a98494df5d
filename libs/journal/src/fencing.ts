import { randomUUID } from 'node:crypto';
import { constants, renameSync } from 'node:fs';
import { copyFile, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OWNER_FILE } from './file-names.ts';
import { ioError, RunFolderError } from './errors.ts';
import { syncFolder, type Owner } from './whole-file.ts';

/*
 * An owner that is stopped in the middle of a write, and woken after another has taken the folder over, finishes that
 * write before it can look who has the folder. So the new owner leaves nothing that such a write could hit:
 *
 * 1. Files that grow are replaced by copies. The old owner's descriptors lead to files without a name.
 * 2. What has no name of its own yet is removed. The old owner's renaming fails.
 */

/**
 * Puts a copy of a file's first bytes in its place (1).
 * @returns how many bytes were behind them
 * @throws RunFolderError `lost-ownership`, `io`
 */
export async function replaceByCopy(path: string, lengthBytes: number, owner: Owner): Promise<number> {
  const incomplete = `${path}.${randomUUID()}.incomplete`;
  try {
    await copyFile(path, incomplete, constants.COPYFILE_FICLONE);
    const copy = await open(incomplete, 'r+');
    let copiedBytes: number;
    try {
      copiedBytes = (await copy.stat()).size;
      if (copiedBytes < lengthBytes) {
        throw new RunFolderError(
          'io',
          `${path} has ${copiedBytes} bytes, and had ${lengthBytes} when it was read: its owner before has still cut it; resume again`,
        );
      }
      await copy.truncate(lengthBytes);
      await copy.sync();
    } finally {
      await copy.close();
    }
    owner.check();
    renameSync(incomplete, path);
    return copiedBytes - lengthBytes;
  } catch (error) {
    await rm(incomplete, { force: true }).catch(() => undefined);
    throw ioError(error, 'take over', path);
  }
}

/**
 * Removes what owners before were writing (2), but for claims to the folder.
 * @throws RunFolderError `io`
 */
export async function removeUnnamed(folder: string): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      if (name.endsWith('.incomplete') && !name.startsWith(OWNER_FILE))
        await rm(join(folder, name), { force: true });
    }
  } catch (error) {
    throw ioError(error, 'take over', folder);
  }
  await syncFolder(folder);
}
