import { rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FileLock } from '@blockpruner/file-lock';
import { keptBytes, writeDurably } from './durable-file.ts';
import { ExportError } from './export-error.ts';
import { explained } from './file-system-failure.ts';
import {
  clearOutput,
  incompletePath,
  makeFolder,
  publish,
  removeIfEmpty,
  takeIncomplete,
} from './incomplete-folder.ts';
import type { ExportPlan, PlannedFile } from './planned-file.ts';
import type { PrunedModel } from './pruned-model.ts';

/** Called as an export is written, in bytes of all its files. */
export type ExportProgress = (doneBytes: number, totalBytes: number, fileName: string) => void;

/** How an export is written, and who looks on. */
export interface WriteOptions {
  /** Of what is exported, and how (`exportIdentity`): a write that was interrupted goes on only if it was of the same. */
  readonly identity: string;
  /** Plans small files that follow from where the others lie, once those are written. */
  readonly following?: (folder: string) => Promise<ExportPlan>;
  /** Looks at the whole export before it gets its name; what it throws leaves it without. */
  readonly check?: (folder: string) => Promise<void>;
  readonly onProgress?: ExportProgress;
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface WriteReport {
  readonly totalBytes: number;
  /** Of the total, what an interrupted write had left. */
  readonly keptBytes: number;
  readonly notes: readonly string[];
}

/** What makes the files of an export what they are, besides the model's weights: two that differ share no bytes. */
export function exportIdentity(
  { checkpoint, factors }: PrunedModel,
  settings: Readonly<Record<string, string | number | boolean>>,
): string {
  return JSON.stringify([checkpoint.fingerprint, factors, Object.entries(settings).sort()]);
}

/**
 * Writes an export to `OUTPUT.incomplete`, and gives it its name once it is whole, on the disk and checked. A write that
 * was interrupted, however it was, goes on where it ended. Memory is flat.
 * @param output a folder that does not exist or is empty; what is above it is made
 * @throws ExportError when the output is taken, the disk is or becomes full, or another process writes there
 * @throws what the signal was aborted with; what is there stays for the next call
 */
export async function writeExport(
  output: string,
  plan: ExportPlan,
  options: WriteOptions,
): Promise<WriteReport> {
  const target = resolve(output);
  try {
    await makeFolder(dirname(target));
    const lock = await takeLock(target);
    try {
      await clearOutput(target);
      return await writeLocked(target, plan, options);
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw explained(error, target);
  }
}

async function writeLocked(output: string, plan: ExportPlan, options: WriteOptions): Promise<WriteReport> {
  const { check, following, identity, signal } = options;
  const folder = incompletePath(output);
  const notes = await takeIncomplete(output, plan, identity);
  const written = await writeFiles(folder, plan.files, options);
  const rest = await following?.(folder);
  const writtenRest = await writeFiles(folder, rest?.files ?? [], options);
  await check?.(folder);
  signal?.throwIfAborted();
  await publish(output);
  return {
    totalBytes: written.totalBytes + writtenRest.totalBytes,
    keptBytes: written.keptBytes + writtenRest.keptBytes,
    notes: [...notes, ...(rest?.notes ?? [])],
  };
}

async function writeFiles(
  folder: string,
  files: readonly PlannedFile[],
  { onProgress, signal }: WriteOptions,
): Promise<Pick<WriteReport, 'totalBytes' | 'keptBytes'>> {
  const starts: number[] = [];
  for (const file of files) starts.push(await keptBytes(join(folder, file.name), file));
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const kept = starts.reduce((sum, bytes) => sum + bytes, 0);
  try {
    await requireSpace(folder, totalBytes - kept);
  } catch (error) {
    await removeIfEmpty(folder);
    throw error;
  }

  let doneBytes = kept;
  try {
    for (const [i, file] of files.entries()) {
      if (starts[i] > 0 && starts[i] === file.sizeBytes) continue;
      const onWritten = (bytes: number): void => {
        doneBytes += bytes;
        onProgress?.(doneBytes, totalBytes, file.name);
      };
      await writeDurably(join(folder, file.name), file, starts[i], onWritten, signal);
    }
  } catch (error) {
    // A value that cannot be written is there the next time too: nothing of this plan is of use.
    if (error instanceof ExportError) await rm(folder, { recursive: true });
    throw error;
  }
  return { totalBytes, keptBytes: kept };
}

async function takeLock(output: string): Promise<FileLock> {
  const path = `${incompletePath(output)}.lock`;
  // The first try clears away a lock whose holder is gone.
  const lock = (await FileLock.take(path)) ?? (await FileLock.take(path));
  if (lock === null) {
    throw new ExportError(
      `${output}: another process writes it (${path}): wait for it, or name another folder`,
    );
  }
  return lock;
}

async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < neededBytes) {
    throw new ExportError(
      `${folder}: ${neededBytes} bytes are to be written, ${bavail * bsize} are free: make room, or name a folder on another disk`,
    );
  }
}
