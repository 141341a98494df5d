import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './sync-folder.ts';

/**
 * Writes a file so that a reader sees the old or the new content, never a part, also after a power cut.
 * @param incomplete its name until then; one of its own for files that several processes may write at once
 * @throws what the file system says; the old content stays
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  incomplete = `${path}.incomplete-${randomBytes(4).toString('hex')}`,
): Promise<void> {
  try {
    const file = await open(incomplete, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(incomplete, path);
  } catch (error) {
    await rm(incomplete, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}
