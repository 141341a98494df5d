import { randomBytes } from 'node:crypto';
import { constants, copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeWhole } from '@blockpruner/whole-file';
import type { Subject } from './hub-answer.ts';
import { fromFileSystem } from './hub-error.ts';
import { MAX_REF_BYTES } from './limits.ts';
import { isCommit } from './reference.ts';

/** `models--org--name` or `datasets--org--name` in the cache, as the Python client lays it out. */
export function repositoryFolder(cacheFolder: string, { kind, repository }: Subject): string {
  return join(cacheFolder, [`${kind}s`, ...repository.split('/')].join('--'));
}

export function blobsFolder(repository: string): string {
  return join(repository, 'blobs');
}

export function snapshotFolder(repository: string, commit: string): string {
  return join(repository, 'snapshots', commit);
}

/** The size of a regular file that a path leads to, or null. */
export async function fileSize(path: string): Promise<number | null> {
  const stats = await stat(path).catch(() => null);
  return stats?.isFile() ? stats.size : null;
}

/** A regular file's content, or null where there is none of at most `maxBytes`. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer | null> {
  const size = await fileSize(path);
  if (size === null || size > maxBytes) return null;
  return readFile(path).catch(() => null);
}

/** The commit that a branch or tag was at when it was last fetched. */
export async function readRef(repository: string, revision: string): Promise<string | null> {
  const commit = (await readSmallFile(join(repository, 'refs', revision), MAX_REF_BYTES))
    ?.toString('latin1')
    .trim();
  return commit !== undefined && isCommit(commit) ? commit : null;
}

export async function writeRef(repository: string, revision: string, commit: string): Promise<void> {
  if (isCommit(revision) || (await readRef(repository, revision)) === commit) return;
  await writeCacheFile(join(repository, 'refs', revision), commit);
}

/** Writes a file of the cache, whole or not at all. */
export async function writeCacheFile(path: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, content);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

/** Puts a blob under a file's name in a snapshot: as a relative link, or as a copy where there are no links. */
export async function linkBlob(
  repository: string,
  commit: string,
  file: string,
  hash: string,
): Promise<void> {
  const pointer = join(snapshotFolder(repository, commit), ...file.split('/'));
  const blob = join(blobsFolder(repository), hash);
  const target = relative(dirname(pointer), blob);
  if ((await readlink(pointer).catch(() => null)) === target) return;
  const temporary = `${pointer}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(pointer), { recursive: true });
    await symlink(target, temporary).catch(() => copyFile(blob, temporary, constants.COPYFILE_FICLONE));
    await rename(temporary, pointer);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fromFileSystem(error, pointer);
  }
}
