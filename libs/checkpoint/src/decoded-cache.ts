import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '@blockpruner/whole-file';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { encodeSafetensorsHeader, tensorBytes, type TensorDescription } from './safetensors-writer.ts';

/** Goes up whenever the same source would decode to other files, so that older entries are not taken for new ones. */
const DECODER_VERSION = 2;
/** Hexadecimal digits of the hash in the name of a cache entry. */
const ENTRY_DIGITS = 16;
const WEIGHTS_FILE = 'model.safetensors';
const LEFTOVER = /^decoded-[0-9a-f]{16}\.incomplete-/;
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

/** Called while weights are decoded, in bytes of the decoded weights. */
export type DecodeProgress = (doneBytes: number, totalBytes: number, what: string) => void;

/** The Hugging Face folder that quantized weights decode to. */
export interface DecodePlan {
  /** What is decoded, absolute: a file or a folder. */
  readonly source: string;
  /** config.json and the tokenizer's files, by name. */
  readonly textFiles: ReadonlyMap<string, Buffer>;
  /** In file order; every tensor is float32. */
  readonly tensors: readonly TensorDescription[];
  /** The values of every tensor, one after the other in that order, in chunks of a few MiB. */
  readonly decode: () => AsyncIterable<Float32Array>;
}

/** The folder of a model in the cache, whether it exists or not. */
export function decodedFolder(cacheFolder: string, fingerprint: string): string {
  const hash = createHash('sha256').update(`${DECODER_VERSION} ${fingerprint}`).digest('hex');
  return join(cacheFolder, `decoded-${hash.slice(0, ENTRY_DIGITS)}`);
}

function weightsBytes({ tensors }: DecodePlan): number {
  const header = encodeSafetensorsHeader(tensors);
  return tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), header.length);
}

function fileSizes(plan: DecodePlan): Map<string, number> {
  const sizes = [...plan.textFiles].map(([name, bytes]): [string, number] => [name, bytes.length]);
  return new Map([...sizes, [WEIGHTS_FILE, weightsBytes(plan)]]);
}

/** Whether the folder holds every file of the plan with the size it must have. */
async function isComplete(folder: string, plan: DecodePlan): Promise<boolean> {
  for (const [name, sizeBytes] of fileSizes(plan)) {
    const stats = await stat(join(folder, name)).catch(() => null);
    if (stats?.size !== sizeBytes) return false;
  }
  return true;
}

/** @throws CheckpointError `disk-full` when fewer than `neededBytes` are free */
export async function requireFreeSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < neededBytes) {
    throw new CheckpointError(
      'disk-full',
      `${folder}: decoding needs ${neededBytes} bytes, ${freeBytes} are free: choose another cache folder with --cache-dir`,
    );
  }
}

async function removeLeftovers(cacheFolder: string): Promise<void> {
  const oldest = Date.now() - LEFTOVER_AGE_MS;
  for (const name of await readdir(cacheFolder)) {
    if (!LEFTOVER.test(name)) continue;
    const stats = await stat(join(cacheFolder, name)).catch(() => null);
    if (stats && stats.mtimeMs < oldest) await rm(join(cacheFolder, name), { recursive: true, force: true });
  }
}

async function writeSynced(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await write(handle);
    await handle.sync();
  } catch (error) {
    throw fromFileSystem(error, path);
  } finally {
    await handle.close();
  }
}

function writeWeights(folder: string, plan: DecodePlan, onProgress?: DecodeProgress): Promise<void> {
  return writeSynced(join(folder, WEIGHTS_FILE), async (target) => {
    const header = encodeSafetensorsHeader(plan.tensors);
    const totalBytes = weightsBytes(plan);
    await target.writeFile(header);
    let doneBytes = header.length;
    for await (const { buffer, byteOffset, byteLength } of plan.decode()) {
      await target.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
      doneBytes += byteLength;
      onProgress?.(doneBytes, totalBytes, `decoding ${basename(plan.source)}`);
    }
    if (doneBytes !== totalBytes) {
      throw new CheckpointError(
        'malformed',
        `${plan.source}: decodes to ${doneBytes} bytes of weights, its header says ${totalBytes}`,
      );
    }
  });
}

/** False when another process has put a folder there, or has moved this one away. */
async function renameFolder(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

/** Renames the finished folder into place. What another process put there first stays, if it is complete. */
async function publish(incomplete: string, entry: string, plan: DecodePlan): Promise<void> {
  if (!(await renameFolder(incomplete, entry)) && !(await isComplete(entry, plan))) {
    const damaged = `${incomplete}-damaged`;
    await renameFolder(entry, damaged);
    await renameFolder(incomplete, entry);
    await rm(damaged, { recursive: true, force: true });
  }
  await rm(incomplete, { recursive: true, force: true });
  await syncFolder(dirname(entry));
}

/**
 * Makes sure that the cache entry holds the decoded model: an entry that is complete is used as it is, a damaged
 * one is replaced. Several processes may do this at once; the entry appears whole or not at all.
 * @param entry absolute path of the entry's folder; what is above it is created
 * @throws CheckpointError `disk-full` before anything is written when the space does not suffice
 */
export async function ensureDecoded(
  entry: string,
  plan: DecodePlan,
  onProgress?: DecodeProgress,
): Promise<void> {
  const incomplete = `${entry}.incomplete-${randomBytes(6).toString('hex')}`;
  try {
    if (await isComplete(entry, plan)) return;
    await mkdir(dirname(entry), { recursive: true });
    await removeLeftovers(dirname(entry));
    const neededBytes = [...fileSizes(plan).values()].reduce((sum, size) => sum + size, 0);
    await requireFreeSpace(dirname(entry), neededBytes);

    await mkdir(incomplete);
    for (const [name, bytes] of plan.textFiles) {
      await writeSynced(join(incomplete, name), (handle) => handle.writeFile(bytes));
    }
    await writeWeights(incomplete, plan, onProgress);
    await syncFolder(incomplete);
    await publish(incomplete, entry, plan);
  } catch (error) {
    // A failing clean-up must not hide why it was needed.
    await rm(incomplete, { recursive: true, force: true }).catch(() => undefined);
    throw fromFileSystem(error, entry);
  }
}
