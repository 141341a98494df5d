import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './sync-folder.ts';

/**
 * Writes a file so that a reader sees the old or the new content, never a part, also after a power cut.
 * @param beforeNaming called when all of it is on the disk under another name, just before it gets its own; throws to
 *   leave the old content
 * @throws what the file system says; the old content stays
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  beforeNaming: () => void = () => undefined,
): Promise<void> {
  // One of its own: several processes may write a file at once.
  const incomplete = `${path}.${randomBytes(4).toString('hex')}.incomplete`;
  try {
    const file = await open(incomplete, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    beforeNaming();
    renameSync(incomplete, path);
  } catch (error) {
    await rm(incomplete, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}
