import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from '@blockpruner/file-lock';
import { ArtifactError, fromFileSystem } from './artifact-error.ts';
import { folderOfFingerprint } from './artifact-name.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { downloadBlob } from './blob-download.ts';
import { CacheFolders, type CachedModel } from './cache-folders.ts';
import { isInUse, makeRoom } from './cache-room.ts';
import { STALE_LOCK_MS } from './limits.ts';
import { totalBytes, type ArtifactFile, type Manifest } from './manifest.ts';
import { RETRY_WAITS, retrying, type RetryWaits } from './retrying.ts';

const POLL_MS = 200;
const LOCK_POLL_MS = 20;

/** What goes on while a model is fetched. */
export type FetchEvent =
  /** The serving side reads its files for the first time. */
  | { readonly kind: 'hashing'; readonly doneBytes: number; readonly totalBytes: number }
  /** Bytes of the model that are here and verified, whoever fetched them; and those that this process fetched. */
  | {
      readonly kind: 'bytes';
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly fetchedBytes: number;
    }
  /** Other fetches come first. */
  | { readonly kind: 'waiting'; readonly ahead: number }
  /** Another process of this machine fetches the file. */
  | { readonly kind: 'shared'; readonly name: string }
  /** It goes on by itself after `retryMs`. */
  | { readonly kind: 'trouble'; readonly reason: string; readonly retryMs: number }
  /** Another model was removed. */
  | { readonly kind: 'evicted'; readonly fingerprint: string; readonly sizeBytes: number };

/** A model that stays in the cache until it is released. */
export interface HeldModel {
  /** What is opened as the model. */
  readonly path: string;
  readonly release: () => Promise<void>;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: FetchEvent) => void;
  /** Does not trust what is in the cache: every chunk is read and compared. */
  readonly recheck?: boolean;
  readonly waits?: RetryWaits;
}

export interface ModelCacheOptions {
  readonly cacheFolder: string;
  /** Of all fetched models together; null: most of what is free. */
  readonly limitBytes: number | null;
}

/**
 * The models that were fetched from coordinators, shared by the processes of a machine.
 *
 * Invariants:
 * 1. A model is on the list, and marked as in use, before its first byte is fetched: what is on the list counts as if
 *    it were there, so that two fetches do not count on the same room.
 * 2. Blobs that are on no list, and models in no use, may be removed by whoever holds the cache's lock. It is held for
 *    short only, never while bytes come.
 * 3. A blob has its name only with its content whole and verified.
 */
export class ModelCache {
  private readonly folders: CacheFolders;
  private readonly limitBytes: number | null;

  constructor({ cacheFolder, limitBytes }: ModelCacheOptions) {
    this.folders = new CacheFolders(cacheFolder);
    this.limitBytes = limitBytes;
  }

  /** The model if it is here whole; else null. */
  async find(fingerprint: string): Promise<HeldModel | null> {
    const folder = requireFolder(fingerprint);
    return this.guarded(async () => {
      const model = await this.folders.readModel(folder);
      if (model === null) return null;
      for (const file of model.files) if (!(await this.folders.isWhole(file))) return null;
      return this.hold(folder, model, await this.mark(folder));
    });
  }

  /**
   * Fetches what is missing of a model.
   * @throws ArtifactError when the model cannot be had or held; the reason of the signal
   */
  async fetch(fingerprint: string, source: ArtifactSource, options: FetchOptions): Promise<HeldModel> {
    const folder = requireFolder(fingerprint);
    const manifest = await receiveManifest(fingerprint, source, options);
    const mark = await this.guarded(() => this.enlist(folder, manifest, options)); // (1)
    try {
      await this.fetchFiles(manifest, source, options);
      return await this.guarded(() => this.hold(folder, manifest, mark));
    } catch (error) {
      await mark.release();
      throw fromFileSystem(error, this.folders.artifacts);
    }
  }

  private async enlist(folder: string, manifest: Manifest, { onEvent }: FetchOptions): Promise<FileLock> {
    await this.folders.writeModel(folder, manifest);
    const mark = await this.mark(folder);
    try {
      for (const evicted of await makeRoom(this.folders, folder, this.limitBytes)) {
        onEvent({ kind: 'evicted', fingerprint: `sha256:${evicted.folder}`, sizeBytes: evicted.sizeBytes });
      }
      return mark;
    } catch (error) {
      await mark.release();
      if (!(await isInUse(this.folders, folder))) await rm(this.folders.list(folder), { force: true });
      throw error;
    }
  }

  private async mark(folder: string): Promise<FileLock> {
    const id = randomBytes(8).toString('hex');
    await mkdir(this.folders.uses(folder), { recursive: true });
    const mark = await FileLock.take(join(this.folders.uses(folder), `${id}.lock`));
    if (mark === null) throw new Error(`${id} was drawn twice`);
    const now = new Date();
    await utimes(this.folders.list(folder), now, now);
    return mark;
  }

  private async hold(folder: string, model: CachedModel, mark: FileLock): Promise<HeldModel> {
    try {
      return { path: await this.folders.layOut(folder, model), release: () => mark.release() };
    } catch (error) {
      await mark.release();
      throw error;
    }
  }

  private async fetchFiles(manifest: Manifest, source: ArtifactSource, options: FetchOptions): Promise<void> {
    const { onEvent } = options;
    const files = [...new Map(manifest.files.map((file) => [file.sha256, file])).values()];
    const total = totalBytes(files);
    let before = 0;
    let fetchedBytes = 0;
    for (const file of files) {
      let fetchedBefore = 0;
      await this.fetchFile(file, manifest.chunkBytes, source, options, (bytes, fetched) => {
        fetchedBytes += fetched - fetchedBefore;
        fetchedBefore = fetched;
        onEvent({ kind: 'bytes', doneBytes: before + bytes, totalBytes: total, fetchedBytes });
      });
      before += file.sizeBytes;
      onEvent({ kind: 'bytes', doneBytes: before, totalBytes: total, fetchedBytes });
    }
  }

  /** One process downloads a blob; the others watch it grow, and take over if that process ends. */
  private async fetchFile(
    file: ArtifactFile,
    chunkBytes: number,
    source: ArtifactSource,
    { signal, onEvent, recheck = false, waits }: FetchOptions,
    onBytes: (doneBytes: number, fetchedBytes: number) => void,
  ): Promise<void> {
    const path = this.folders.blob(file.sha256);
    let isShared = false;
    while (recheck || !(await this.folders.isWhole(file))) {
      signal.throwIfAborted();
      const lock = await FileLock.take(`${path}.lock`, STALE_LOCK_MS);
      if (lock === null) {
        if (!isShared) onEvent({ kind: 'shared', name: file.name });
        isShared = true;
        const stats = await stat(`${path}.incomplete`).catch(() => null);
        if (stats) onBytes(Math.min(stats.size, file.sizeBytes), 0);
        await sleep(POLL_MS, undefined, { signal });
        continue;
      }
      try {
        if (!recheck && (await this.folders.isWhole(file))) return;
        // What has the name and not the size, or is not trusted, is verified like a download that was cut off.
        await rename(path, `${path}.incomplete`).catch(() => undefined);
        const listener = {
          onBytes,
          onWaiting: (ahead: number) => onEvent({ kind: 'waiting', ahead }),
          onTrouble: (reason: string, retryMs: number) => onEvent({ kind: 'trouble', reason, retryMs }),
        };
        await downloadBlob(file, chunkBytes, path, { source, signal, listener, waits });
        return;
      } finally {
        await lock.release();
      }
    }
  }

  /** Runs a step while nobody else changes the list of models (2). */
  private async guarded<T>(step: () => Promise<T>): Promise<T> {
    try {
      await this.folders.create();
      const take = (): Promise<FileLock | null> => FileLock.take(this.folders.lock, STALE_LOCK_MS);
      let lock = await take();
      for (; lock === null; lock = await take()) await sleep(LOCK_POLL_MS);
      try {
        return await step();
      } finally {
        await lock.release();
      }
    } catch (error) {
      throw fromFileSystem(error, this.folders.artifacts);
    }
  }
}

function requireFolder(fingerprint: string): string {
  const folder = folderOfFingerprint(fingerprint);
  if (folder !== null) return folder;
  throw new ArtifactError(
    'refused',
    `${JSON.stringify(fingerprint.slice(0, 80))} is no fingerprint of a model`,
  );
}

async function receiveManifest(
  fingerprint: string,
  source: ArtifactSource,
  { signal, onEvent, waits = RETRY_WAITS }: FetchOptions,
): Promise<Manifest> {
  return retrying(
    async () => {
      for await (const reply of source.manifest(fingerprint, signal)) {
        if (reply.kind === 'manifest') return reply.manifest;
        onEvent(reply);
      }
      throw new ArtifactError('unavailable', 'the stream ended before the list of files');
    },
    { signal, waits, onTrouble: (reason, retryMs) => onEvent({ kind: 'trouble', reason, retryMs }) },
  );
}
