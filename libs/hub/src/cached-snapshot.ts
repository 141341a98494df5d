import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileSize, readRef, readSmallFile, snapshotFolder, writeCacheFile } from './cache-layout.ts';
import { HubError } from './hub-error.ts';
import { MAX_INDEX_BYTES } from './limits.ts';
import { isCommit, isSafePath } from './reference.ts';
import type { Listing } from './repository-listing.ts';
import type { Select } from './selection.ts';

/** What the cache has of a revision. */
export type CachedSnapshot =
  | {
      readonly complete: true;
      readonly commit: string;
      readonly folder: string;
      /** Relative paths of what was selected. */
      readonly files: readonly string[];
      /** False where the cache does not say which files the commit has, and the selection could not tell either. */
      readonly certain: boolean;
    }
  | { readonly complete: false; readonly reason: string };

/** Where the Python client keeps which files a commit has, and where this library does, which downloads only some. */
const LISTING_FOLDERS = ['trees', 'listings'];
const OWN_LISTING_FOLDER = 'listings';
const FORMAT_VERSION = 1;

const SHARD = /^(?<stem>.*)-\d{5}-of-(?<count>\d{5})/;

/** Looks for what `select` wants of a revision, without the network. */
export async function findCached(
  repository: string,
  revision: string,
  select: Select,
): Promise<CachedSnapshot> {
  const commit = isCommit(revision) ? revision : await readRef(repository, revision);
  if (commit === null) return { complete: false, reason: 'never fetched' };
  const folder = snapshotFolder(repository, commit);
  const listed = await readListing(repository, commit);
  const sizes = listed ?? (await walk(folder));
  if (sizes.size === 0) return { complete: false, reason: 'never fetched' };
  try {
    const { files, certain } = await select(new Set(sizes.keys()), (path) => readCached(folder, path));
    for (const file of files) {
      const bytes = await fileSize(join(folder, file));
      if (bytes === null || bytes !== (sizes.get(file) ?? bytes)) {
        return { complete: false, reason: `${file} is missing` };
      }
    }
    const gap = listed === null ? missingShards(files) : null;
    if (gap !== null) return { complete: false, reason: `${gap} is not whole` };
    return { complete: true, commit, folder, files, certain: certain || listed !== null };
  } catch (error) {
    if (error instanceof HubError) return { complete: false, reason: error.message };
    throw error;
  }
}

/** Names that count themselves, as `train-00000-of-00002`, tell of the others where no listing does. */
function missingShards(files: readonly string[]): string | null {
  const shards = new Set(files.map((file) => SHARD.exec(file)?.[0]).filter((shard) => shard !== undefined));
  const counts = new Map<string, number>();
  for (const shard of shards) {
    const family = shard.replace(SHARD, '$<stem>-*-of-$<count>');
    counts.set(family, (counts.get(family) ?? 0) + 1);
  }
  const short = [...counts].find(([family, count]) => count < Number(family.slice(-5)));
  return short === undefined ? null : `${short[0]}, of which ${short[1]} are there,`;
}

/** Notes which files a commit has, so that a later look into the cache alone can tell whether all are there. */
export async function writeListing(repository: string, { commit, files }: Listing): Promise<void> {
  const path = join(repository, OWN_LISTING_FOLDER, `${commit}.json`);
  if ((await fileSize(path)) !== null) return;
  const sizes = [...files.values()].map((file) => [file.path, { size: file.sizeBytes }] as const);
  await writeCacheFile(
    path,
    JSON.stringify({ format_version: FORMAT_VERSION, files: Object.fromEntries(sizes) }),
  );
}

async function readCached(folder: string, path: string): Promise<Buffer> {
  const content = await readSmallFile(join(folder, path), MAX_INDEX_BYTES);
  if (content === null) throw new HubError('offline', `${path} is missing`);
  return content;
}

async function readListing(repository: string, commit: string): Promise<Map<string, number | null> | null> {
  for (const folder of LISTING_FOLDERS) {
    const text = await readSmallFile(join(repository, folder, `${commit}.json`), MAX_INDEX_BYTES);
    const listing = text === null ? null : parseListing(text.toString('utf8'));
    if (listing !== null) return listing;
  }
  return null;
}

function parseListing(text: string): Map<string, number | null> | null {
  try {
    const { format_version: version, files } = JSON.parse(text) as Record<string, unknown>;
    if (version !== FORMAT_VERSION || files === null || typeof files !== 'object') return null;
    const paths = Object.entries(files as Record<string, { size?: unknown } | null>);
    if (!paths.every(([path]) => isSafePath(path))) return null;
    return new Map(paths.map(([path, entry]) => [path, typeof entry?.size === 'number' ? entry.size : null]));
  } catch {
    return null;
  }
}

/** The files of a snapshot whose listing nobody kept; sizes are unknown. */
async function walk(folder: string): Promise<Map<string, number | null>> {
  const found = readdir(folder, { recursive: true, withFileTypes: true });
  const entries = await found.catch((): Dirent[] => []);
  return new Map(
    entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => [relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'), null]),
  );
}
