import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { readWholeFile } from './file-bytes.ts';

const MODEL_FOLDER = /^models--[\w.-]+$/;
/** A commit has 40 digits. */
const MAX_REF_BYTES = 128;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The snapshot that a model's folder in the hub's cache (`models--org--name`) has as `main`, or its only one; any other
 * folder is given back as it is.
 * @throws CheckpointError listing the snapshots when it cannot tell which one is meant
 */
export async function findSnapshot(folder: string): Promise<string> {
  const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null;
  const snapshots = join(folder, 'snapshots');
  if (!MODEL_FOLDER.test(basename(folder)) || !(await isThere(snapshots))) return folder;
  const main = (await readWholeFile(join(folder, 'refs', 'main'), MAX_REF_BYTES).catch(() => ''))
    .toString()
    .trim();
  if (COMMIT.test(main) && (await isThere(join(snapshots, main)))) return join(snapshots, main);
  const names = await readdir(snapshots).catch((error: unknown) => {
    throw fromFileSystem(error, snapshots);
  });
  if (names.length === 1) return join(snapshots, names[0]);
  throw new CheckpointError(
    'not-found',
    `${folder}: has ${names.length} snapshots and none of them is main: name one, e.g. ${join(snapshots, names[0] ?? '<commit>')}`,
  );
}
