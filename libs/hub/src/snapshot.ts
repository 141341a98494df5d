import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkBlob, repositoryFolder, snapshotFolder, writeRef } from './cache-layout.ts';
import { findCached, writeListing, type CachedSnapshot } from './cached-snapshot.ts';
import { downloadMissing, locateContent, type HubProgress } from './file-downloads.ts';
import { nameOf, type Subject } from './hub-answer.ts';
import { HubError } from './hub-error.ts';
import type { Hub } from './hub-request.ts';
import { MAX_INDEX_BYTES } from './limits.ts';
import { isCommit } from './reference.ts';
import { listRepository, type ListedFile, type Listing } from './repository-listing.ts';
import type { Select } from './selection.ts';

/** Tries of the first question, which wait some two seconds in all. */
const ASKING_ATTEMPTS = 3;

/** Files of one commit in the cache. */
export interface Snapshot {
  readonly commit: string;
  readonly folder: string;
  /** Absolute paths, in the order in which they were selected. */
  readonly files: readonly string[];
  /** What the user should know of where they come from, or null. */
  readonly note: string | null;
}

/**
 * Brings what `select` wants of a revision into the cache, or finds it there: offline, when a commit is complete,
 * and, as transformers does, when the hub cannot be reached.
 * @throws HubError
 */
export async function fetchSnapshot(
  hub: Hub,
  subject: Subject,
  select: Select,
  onProgress?: HubProgress,
): Promise<Snapshot> {
  const { cacheFolder, offline, endpoint } = hub.settings;
  const repository = repositoryFolder(cacheFolder, subject);
  const cached = await findCached(repository, subject.revision, select);
  if (offline) {
    if (!cached.complete) throw notInCache(subject, cacheFolder, cached.reason);
    return fromCache(cached, null, subject);
  }
  if (isCommit(subject.revision) && cached.complete && cached.certain)
    return fromCache(cached, null, subject);
  try {
    // With a copy at hand nobody wants to wait for a server that is down; and where nothing has come yet, not for long:
    // the name may be a path that was mistyped.
    const attempts = cached.complete ? 1 : Math.min(hub.patience.attempts, ASKING_ATTEMPTS);
    const patience = { ...hub.patience, attempts };
    const listing = await listRepository({ ...hub, patience }, subject);
    return await download(hub, subject, listing, select, repository, onProgress);
  } catch (error) {
    if (!cached.complete || !(error instanceof HubError && error.code === 'network')) throw error;
    return fromCache(cached, `${new URL(endpoint).host} cannot be reached`, subject);
  }
}

async function download(
  hub: Hub,
  subject: Subject,
  listing: Listing,
  select: Select,
  repository: string,
  onProgress: HubProgress | undefined,
): Promise<Snapshot> {
  const { commit } = listing;
  const source = { hub, subject, commit };
  const read = async (path: string): Promise<Buffer> => {
    const file = listedFile(listing, path);
    if (file.sizeBytes > MAX_INDEX_BYTES) {
      throw new HubError(
        'limit',
        `${nameOf(subject)}: ${path} has ${file.sizeBytes} bytes, more than ${MAX_INDEX_BYTES}: name another revision`,
      );
    }
    await downloadMissing([file], repository, source);
    const content = await locateContent(repository, commit, file);
    if (content === null)
      throw new HubError('cache', `${repository}: ${path} was removed meanwhile: run the command again`);
    return readFile(content);
  };
  const { files } = await select(new Set(listing.files.keys()), read);
  const listed = files.map((path) => listedFile(listing, path));
  await downloadMissing(listed, repository, source, onProgress);
  // The listing first and the ref last: whatever ends this in between, the cache alone can tell that it is not whole.
  await writeListing(repository, listing);
  for (const { path, hash } of listed) await linkBlob(repository, commit, path, hash);
  await writeRef(repository, subject.revision, commit);
  const folder = snapshotFolder(repository, commit);
  return { commit, folder, files: files.map((path) => join(folder, path)), note: null };
}

function listedFile(listing: Listing, path: string): ListedFile {
  return listing.files.get(path)!;
}

function fromCache(
  { commit, folder, files, certain }: CachedSnapshot & { complete: true },
  reason: string | null,
  subject: Subject,
): Snapshot {
  const doubt = certain ? null : 'whether all its files are there is not known';
  const reasons = [reason, doubt].filter((text) => text !== null).join('; ');
  const note =
    reasons === ''
      ? null
      : `${nameOf(subject)}: taken from the cache, commit ${commit.slice(0, 12)}: ${reasons}`;
  return { commit, folder, files: files.map((path) => join(folder, path)), note };
}

function notInCache(subject: Subject, cacheFolder: string, reason: string): HubError {
  return new HubError(
    'offline',
    `${nameOf(subject)}: not whole in the cache ${cacheFolder} (${reason}), and HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: ` +
      'run once without it to fetch the rest',
  );
}
