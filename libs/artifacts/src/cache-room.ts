import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isLocked } from '@blockpruner/file-lock';
import { ArtifactError } from './artifact-error.ts';
import type { CachedModel, CacheFolders } from './cache-folders.ts';
import { STALE_LOCK_MS } from './limits.ts';
import { totalBytes } from './manifest.ts';

/** Of the free space, what the cache takes where no limit is set: a disk that is full to the last byte helps nobody. */
const SHARE_OF_FREE = 0.9;

const BLOB = /^([0-9a-f]{64})(\.incomplete|\.lock)?$/;

/** A model that had to go. */
export interface Evicted {
  readonly folder: string;
  readonly sizeBytes: number;
}

interface Listed extends CachedModel {
  readonly folder: string;
  readonly usedMs: number;
  readonly isInUse: boolean;
}

/**
 * Makes room for a model that is on the list already: as long as the models on the list, whole or not, are larger
 * than the limit, the one that was used longest ago goes, unless a living process uses it. The caller holds the
 * cache's lock.
 * @param limitBytes null: what is there, and most of what is free
 * @throws ArtifactError `does-not-fit` naming the sizes
 */
export async function makeRoom(
  folders: CacheFolders,
  wanted: string,
  limitBytes: number | null,
): Promise<Evicted[]> {
  let models = await listModels(folders);
  const presentBytes = await sweep(folders, models);
  const { bavail, bsize } = await statfs(folders.artifacts);
  const freeBytes = bavail * bsize;
  const room = Math.floor(presentBytes + (limitBytes === null ? SHARE_OF_FREE : 1) * freeBytes);
  const limit = Math.min(limitBytes ?? room, room);

  const evicted: Evicted[] = [];
  while (sizeOf(models) > limit) {
    const [oldest] = models
      .filter(({ folder, isInUse }) => folder !== wanted && !isInUse)
      .sort((a, b) => a.usedMs - b.usedMs);
    if (oldest === undefined)
      throw doesNotFit(folders, models, wanted, limit, limitBytes !== null && limitBytes <= room);
    await rm(folders.model(oldest.folder), { recursive: true, force: true });
    models = models.filter((model) => model !== oldest);
    evicted.push({ folder: oldest.folder, sizeBytes: totalBytes(oldest.files) });
  }
  if (evicted.length > 0) await sweep(folders, models);
  return evicted;
}

function sizeOf(models: readonly CachedModel[]): number {
  return totalBytes(models.flatMap(({ files }) => files));
}

async function listModels(folders: CacheFolders): Promise<Listed[]> {
  const models: Listed[] = [];
  for (const folder of await readdir(folders.models)) {
    const model = await folders.readModel(folder);
    const stats = await stat(folders.list(folder)).catch(() => null);
    if (model === null || stats === null) continue;
    models.push({ ...model, folder, usedMs: stats.mtimeMs, isInUse: await isInUse(folders, folder) });
  }
  return models;
}

/** Whether a living process uses the model; what dead ones left is cleared away. */
export async function isInUse(folders: CacheFolders, folder: string): Promise<boolean> {
  let inUse = false;
  for (const name of await readdir(folders.uses(folder)).catch(() => [])) {
    const path = join(folders.uses(folder), name);
    if (await isLocked(path, STALE_LOCK_MS)) inUse = true;
    else await rm(path, { force: true });
  }
  return inUse;
}

/** Removes the contents that no model on the list has. @returns the bytes of the others, as far as they are there */
async function sweep(folders: CacheFolders, models: readonly CachedModel[]): Promise<number> {
  const needed = new Set(models.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
  let presentBytes = 0;
  for (const name of await readdir(folders.artifacts)) {
    const [, sha256] = BLOB.exec(name) ?? [];
    if (sha256 === undefined) continue;
    const path = join(folders.artifacts, name);
    if (needed.has(sha256)) presentBytes += (await stat(path).catch(() => null))?.size ?? 0;
    else await rm(path, { force: true });
  }
  return presentBytes;
}

function doesNotFit(
  folders: CacheFolders,
  models: readonly Listed[],
  wanted: string,
  limit: number,
  isLimited: boolean,
): ArtifactError {
  const model = models.filter(({ folder }) => folder === wanted);
  const others = models.filter(({ folder }) => folder !== wanted);
  const held = others.length === 0 ? '' : `, of which models in use take ${sizeOf(others)}`;
  const way = isLimited ? 'raise --cache-limit' : 'free some space, or name another --cache-dir';
  return new ArtifactError(
    'does-not-fit',
    `the model has ${sizeOf(model)} bytes, its cache ${folders.artifacts} may hold ${limit}${held}: ${way}`,
  );
}
