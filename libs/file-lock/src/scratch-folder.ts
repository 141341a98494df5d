import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock } from './file-lock.ts';

/*
 * 1. A scratch folder `<name>-<id>` is there only while its lock `<name>-<id>.lock` is, which its process holds.
 * 2. The lock is taken before the folder is made and released after it is gone, so that a folder whose lock nobody holds
 *    is one whose process was killed.
 */

/** A folder for what is of no use to anyone but the process that made it. */
export interface ScratchFolder {
  /** Absolute where the folder that it is in is. */
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

/**
 * Makes a folder that the next process clears away if this one is killed.
 * @param parent is made where it is missing
 * @param name what it is for: the folder is called `<name>-<id>`
 */
export async function makeScratchFolder(parent: string, name: string): Promise<ScratchFolder> {
  await mkdir(parent, { recursive: true });
  const path = join(parent, `${name}-${randomBytes(6).toString('hex')}`);
  const lock = await FileLock.take(lockOf(path)); // (2)
  await mkdir(path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true });
      await lock?.release();
    },
  };
}

/** Removes the scratch folders of this name whose processes are gone. One that cannot be removed is left to its owner. */
export async function removeAbandonedScratch(parent: string, name: string): Promise<void> {
  const ours = new RegExp(`^(${name}-[0-9a-f]{12})(\\.lock)?$`);
  const names = await readdir(parent).catch(() => []);
  const folders = new Set(names.flatMap((found) => ours.exec(found)?.[1] ?? []));
  for (const folder of folders) await removeIfAbandoned(join(parent, folder)).catch(() => undefined);
}

async function removeIfAbandoned(path: string): Promise<void> {
  // The first try clears away a lock whose holder is gone.
  const lock = (await FileLock.take(lockOf(path))) ?? (await FileLock.take(lockOf(path)));
  if (lock === null) return;
  await rm(path, { recursive: true, force: true });
  await lock.release();
}

function lockOf(path: string): string {
  return `${path}.lock`;
}
