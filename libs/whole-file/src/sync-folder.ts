import { open } from 'node:fs/promises';

/** What file systems say that have no way to sync a folder, such as some over a network. */
const CANNOT_SYNC = new Set(['EINVAL', 'EISDIR', 'EPERM', 'ENOTSUP']);

/**
 * Makes the names in a folder durable, where the file system can: a file that was renamed there is found after a
 * power cut.
 * @throws what the file system says, but for its having no way to
 */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
