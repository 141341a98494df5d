import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '@blockpruner/file-lock';
import type { EvaluationGraph } from '@blockpruner/graph';
import { numericClass } from './numeric-class.ts';

const MODEL_FILE = 'model.onnx';
const WEIGHTS_FILE = 'weights.bin';
const SIZES_FILE = 'sizes.json';
/** Hexadecimal digits of the hash in the name of a cache entry. */
const ENTRY_DIGITS = 16;
/** onnxruntime writes each weight as it was and as it is packed; a third copy is there while 16-bit ones are widened. */
const COPIES = 3;
const POLL_MS = 100;

/** Which weights are shared, and where. */
export interface SharedWeights {
  readonly cacheFolder: string;
  /** Of the checkpoint that the weights are of. */
  readonly fingerprint: string;
  /** Of all weights in fp32. */
  readonly weightBytes: number;
  /** The same graph over weights in fp32, which may be written to the folder: casts in memory would take two copies. */
  readonly widen: (folder: string) => Promise<EvaluationGraph>;
  /** Told in one line why the weights are not shared: each process then holds its own. */
  readonly onNotShared: (reason: string) => void;
}

/** Saves a graph packed as `modelPath`, with its weights in a file of this name beside it. */
type Pack = (graph: EvaluationGraph, modelPath: string, weightsFile: string) => Promise<void>;

/**
 * The model with its weights packed as the matrix kernels want them, in a file that every process of this machine maps:
 * the weights exist once, whatever the number of workers. The first process makes it, the others wait.
 * @returns the model's path, or null where the cache folder does not take it: the reason has been told
 */
export async function packedModel(
  sharing: SharedWeights,
  graph: EvaluationGraph,
  pack: Pack,
): Promise<string | null> {
  try {
    return await findOrWrite(sharing, graph, pack);
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    sharing.onNotShared(
      `the weights are not shared, this worker holds its own: ${reason}; free space in ${sharing.cacheFolder}, or name another --cache-dir`,
    );
    return null;
  }
}

async function findOrWrite(sharing: SharedWeights, graph: EvaluationGraph, pack: Pack): Promise<string> {
  const { cacheFolder, fingerprint } = sharing;
  const key = createHash('sha256').update(graph.modelBytes).update(fingerprint);
  key.update(numericClass('cpu', 'fp32'));
  const entry = join(cacheFolder, `packed-${key.digest('hex').slice(0, ENTRY_DIGITS)}`);
  await mkdir(cacheFolder, { recursive: true });
  const lock = `${entry}.lock`;
  while (!(await isComplete(entry))) {
    const held = await FileLock.take(lock);
    if (held === null) {
      await sleep(POLL_MS);
      continue;
    }
    try {
      if (!(await isComplete(entry))) await writeEntry(entry, sharing, pack);
    } finally {
      await held.release();
    }
  }
  return join(entry, MODEL_FILE);
}

/** Whether every file is there with the size it was written with. */
async function isComplete(entry: string): Promise<boolean> {
  try {
    const sizes = JSON.parse(await readFile(join(entry, SIZES_FILE), 'utf8')) as Record<string, number>;
    for (const file of [MODEL_FILE, WEIGHTS_FILE]) {
      if ((await stat(join(entry, file))).size !== sizes[file]) return false;
    }
    return true;
  } catch {
    return false;
  }
}

async function writeEntry(entry: string, sharing: SharedWeights, pack: Pack): Promise<void> {
  const incomplete = `${entry}.incomplete-${randomBytes(4).toString('hex')}`;
  await removeLeftovers(entry);
  await requireRoom(entry, COPIES * sharing.weightBytes);
  const wide = join(incomplete, 'wide');
  await mkdir(wide, { recursive: true });
  try {
    await pack(await sharing.widen(wide), join(incomplete, MODEL_FILE), WEIGHTS_FILE);
    await rm(wide, { recursive: true });
    const sizes: Record<string, number> = {};
    for (const file of [MODEL_FILE, WEIGHTS_FILE]) {
      sizes[file] = (await stat(join(incomplete, file))).size;
      await sync(join(incomplete, file));
    }
    await writeFile(join(incomplete, SIZES_FILE), JSON.stringify(sizes), { flush: true });
    await rm(entry, { recursive: true, force: true }); // a damaged one: ours is the lock
    await rename(incomplete, entry);
  } finally {
    await rm(incomplete, { recursive: true, force: true });
  }
}

async function requireRoom(entry: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(join(entry, '..'));
  const freeBytes = bavail * bsize;
  if (freeBytes < neededBytes) throw new Error(`packing takes ${neededBytes} bytes, ${freeBytes} are free`);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a killed process left behind. */
async function removeLeftovers(entry: string): Promise<void> {
  const folder = join(entry, '..');
  for (const name of await readdir(folder)) {
    if (join(folder, name).startsWith(`${entry}.incomplete-`)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}
