import { open } from 'node:fs/promises';

/** Puts the names in a folder on the disk: a file that was renamed there is found after a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
