import { open, stat, type FileHandle } from 'node:fs/promises';
import { ArtifactError } from './artifact-error.ts';

/** A file that is served, and how to tell that it is still the same. */
export interface ServedFile {
  /** What a worker shall call it. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

/** A served file that is open: it stays readable when its name goes away. */
export interface OpenFile extends ServedFile {
  readonly handle: FileHandle;
}

/** Notes what tells these files from others that may take their place. */
export async function identifyFiles(
  files: readonly { readonly name: string; readonly path: string }[],
): Promise<ServedFile[]> {
  return Promise.all(files.map(async ({ name, path }) => ({ name, path, ...identityOf(await stat(path)) })));
}

/**
 * Opens them all, or none.
 * @throws ArtifactError `changed` when one is missing or is not the file that was identified
 */
export async function openFiles(files: readonly ServedFile[]): Promise<OpenFile[]> {
  const opened: OpenFile[] = [];
  try {
    for (const file of files) {
      const handle = await open(file.path, 'r').catch((error: unknown) => {
        throw changed(file, (error as NodeJS.ErrnoException).code ?? 'it cannot be opened', error);
      });
      opened.push({ ...file, handle });
      await requireUnchanged({ ...file, handle });
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(({ handle }) => handle.close()));
    throw error;
  }
}

/** @throws ArtifactError `changed` when the file was written to since it was identified */
export async function requireUnchanged(file: OpenFile): Promise<void> {
  const now = identityOf(await file.handle.stat());
  if (now.sizeBytes !== file.sizeBytes || now.modifiedMs !== file.modifiedMs || now.inode !== file.inode) {
    throw changed(file, 'size, time or inode differ');
  }
}

function identityOf(stats: {
  size: number;
  mtimeMs: number;
  ino: number;
}): Omit<ServedFile, 'name' | 'path'> {
  return { sizeBytes: stats.size, modifiedMs: stats.mtimeMs, inode: stats.ino };
}

function changed({ name }: ServedFile, why: string, cause?: unknown): ArtifactError {
  return new ArtifactError(
    'changed',
    `${name} is not the file any more that the coordinator began with (${why}): leave a model alone while it is in use, and start the run again`,
    { cause },
  );
}
