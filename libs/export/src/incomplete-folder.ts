import { createHash } from 'node:crypto';
import {
  access,
  constants,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeWhole } from '@blockpruner/whole-file';
import { SYNC_BYTES } from './durable-file.ts';
import { ExportError } from './export-error.ts';
import { explained } from './file-system-failure.ts';
import type { ExportPlan } from './planned-file.ts';

/** In the folder, the hash of the plan that it is written by. */
const MARKER = '.blockpruner-export';

/** Where an export is written until it is whole. */
export function incompletePath(output: string): string {
  return `${output}.incomplete`;
}

/** Tells plans apart by what is kept of a write that was interrupted: other files are written again anyway. */
function planHash({ files }: ExportPlan, identity: string): string {
  const hash = createHash('sha256').update(`${identity}\n`);
  for (const { name, sizeBytes } of files) {
    if (sizeBytes > SYNC_BYTES) hash.update(`${sizeBytes} ${name}\n`);
  }
  return hash.digest('hex');
}

/**
 * @throws ExportError when something is there, save for an empty folder that is neither a mount point nor the working
 * folder, when nothing can be made there, or when what is in the place of an incomplete export is none
 */
export async function requireFreeOutput(output: string): Promise<void> {
  const found = await lstat(output).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw explained(error, output);
  });
  await readLeft(incompletePath(output));
  if (found === null) return requireWritable(dirname(output));
  if (found.isSymbolicLink()) throw new ExportError(`${output}: is a link: name the folder that it leads to`);
  if (!found.isDirectory()) throw new ExportError(`${output}: is a file: name a folder that does not exist`);
  if ((await readdir(output)).length > 0) {
    throw new ExportError(`${output}: exists and is not empty: name another folder, or move it away`);
  }
  if ((await stat(dirname(output))).dev !== found.dev) throw isMountPoint(output);
  // What runs in a folder that another is put in the place of is nowhere.
  const here = await stat('.');
  if (here.dev === found.dev && here.ino === found.ino) {
    throw new ExportError(`${output}: is the working folder: name a folder in it`);
  }
}

/** In the place of one no folder can be put, which is how an export gets its name. */
function isMountPoint(output: string): ExportError {
  return new ExportError(`${output}: is a mount point: name a folder in it`);
}

/** Of what is not there yet, the first folder above that is. */
async function requireWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    const isNotThere = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isNotThere || folder === dirname(folder)) throw explained(error, folder);
    await requireWritable(dirname(folder));
  }
}

/**
 * Makes a folder and what is missing above it, one by one: `mkdir` of Node with `recursive` never returns where a file
 * system says that the folder above is missing while it is there, as /proc does (24.21).
 */
export async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch(async (error: unknown) => {
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!isThere || !(await stat(path)).isDirectory()) throw error;
    });
  try {
    await make();
  } catch (error) {
    const isRoot = path === dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || isRoot) throw error;
    await makeFolder(dirname(path));
    await make();
  }
}

/**
 * Takes an empty folder out of the way.
 * @throws ExportError when something else is there, or when it is a mount point
 */
export async function clearOutput(output: string): Promise<void> {
  await requireFreeOutput(output);
  await rmdir(output).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    throw code === 'EBUSY' ? isMountPoint(output) : error;
  });
}

/**
 * Makes the folder that an export is written to, or takes the one that an interrupted write of the same plan has left;
 * what another plan has left is removed.
 * @param identity of what is exported, and how
 * @returns notes for the user
 * @throws ExportError when the folder is there and not of an export
 */
export async function takeIncomplete(output: string, plan: ExportPlan, identity: string): Promise<string[]> {
  const folder = incompletePath(output);
  const hash = planHash(plan, identity);
  await mkdir(folder, { recursive: true });
  const notes: string[] = [];
  const { left, plannedBy } = await readLeft(folder);
  if (plannedBy !== hash) {
    if (left.length > 0) notes.push(`${folder} was left by an export of something else: it is started anew`);
    await rm(folder, { recursive: true });
    await mkdir(folder);
    await writeWhole(join(folder, MARKER), hash);
  }
  await removeStrangers(folder, plan);
  return notes;
}

/**
 * The names of what an interrupted write has left, and the hash of its plan.
 * @throws ExportError when there is something else
 */
async function readLeft(folder: string): Promise<{ left: string[]; plannedBy: string | null }> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw explained(error, folder);
  });
  const left = names.filter((name) => !name.startsWith(MARKER));
  const plannedBy = await readMarker(folder);
  if (plannedBy !== null || left.length === 0) return { left, plannedBy };
  throw new ExportError(`${folder}: is not of an interrupted export: move it away, or name another folder`);
}

async function readMarker(folder: string): Promise<string | null> {
  return readFile(join(folder, MARKER), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
}

/** Small files may have had other names. */
async function removeStrangers(folder: string, { files }: ExportPlan): Promise<void> {
  const known = new Set([MARKER, ...files.flatMap(({ name }) => [name, `${name}.incomplete`])]);
  for (const name of await readdir(folder)) {
    if (!known.has(name)) await rm(join(folder, name), { recursive: true });
  }
}

/** Removes a folder that nothing of an export was written to yet. */
export async function removeIfEmpty(folder: string): Promise<void> {
  if ((await readdir(folder)).every((name) => name === MARKER)) await rm(folder, { recursive: true });
}

/** Gives a whole export its name. */
export async function publish(output: string): Promise<void> {
  const folder = incompletePath(output);
  await syncFolder(folder);
  await requireFreeOutput(output);
  await rename(folder, output);
  await rm(join(output, MARKER), { force: true });
  await syncFolder(dirname(output));
}
