import { createHash, randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/*
 * Who may write to an unfinished blob. Node has no file locks, and correctness must not hang on them anyway:
 *
 * 1. A download writes only to a file that carries its own mark, `<hash>.<host>-<process>-<random>.incomplete`. Two
 *    downloads of one blob therefore never share a file; each ends by renaming a whole, verified one into place.
 * 2. `<hash>.incomplete` belongs to nobody. A download that ends early leaves its bytes there.
 * 3. Bytes are taken over by renaming the file to an own mark, which the file system grants to one process only.
 * 4. A marked file is taken over only when its owner is gone: its process no longer runs on this host, or nothing
 *    was written for STALE_MS.
 */

/** The longest pause of a live download is two minutes, and the clocks of two hosts may differ by some. */
const STALE_MS = 15 * 60_000;

const SUFFIX = '.incomplete';
const MARK = /^(?<host>[0-9a-f]{8})-(?<processId>\d+)-(?<id>[0-9a-f]{8})$/;

const thisHost = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const own = new Set<string>();

/** Takes over what there is of a blob, and names the file to go on with, which may not exist yet (1, 3). */
export async function claimPartial(blobs: string, hash: string): Promise<string> {
  const id = randomBytes(4).toString('hex');
  own.add(id);
  const claimed = join(blobs, `${hash}.${thisHost}-${process.pid}-${id}${SUFFIX}`);
  for (const { path } of await abandoned(blobs, hash)) {
    try {
      await rename(path, claimed);
      break;
    } catch {
      // Another process was faster.
    }
  }
  return claimed;
}

/** Leaves the bytes for the next download (2); one of no bytes is removed. */
export async function releasePartial(claimed: string, blobs: string, hash: string): Promise<void> {
  const size = (await stat(claimed).catch(() => null))?.size ?? 0;
  const free = join(blobs, `${hash}${SUFFIX}`);
  const kept = (await stat(free).catch(() => null))?.size ?? 0;
  await (size > kept ? rename(claimed, free) : rm(claimed, { force: true })).catch(() => undefined);
  forget(claimed);
}

/** Removes all that nobody will need once the blob itself is there. */
export async function removePartials(claimed: string, blobs: string, hash: string): Promise<void> {
  forget(claimed);
  for (const { path } of await abandoned(blobs, hash)) await rm(path, { force: true }).catch(() => undefined);
}

/** How many bytes of a blob a download would find. */
export async function partialBytes(blobs: string, hash: string): Promise<number> {
  return (await abandoned(blobs, hash))[0]?.sizeBytes ?? 0;
}

function forget(claimed: string): void {
  own.delete(claimed.slice(-SUFFIX.length - 8, -SUFFIX.length));
}

/** What may be taken over (2, 4), the largest first. */
async function abandoned(blobs: string, hash: string): Promise<{ path: string; sizeBytes: number }[]> {
  const found: { path: string; sizeBytes: number }[] = [];
  for (const name of await readdir(blobs).catch((): string[] => [])) {
    if (!name.startsWith(`${hash}.`) || !name.endsWith(SUFFIX)) continue;
    const path = join(blobs, name);
    const stats = await stat(path).catch(() => null);
    if (stats === null) continue;
    const mark = name.slice(hash.length + 1, -SUFFIX.length);
    if (mark === '' || ownerIsGone(mark, Date.now() - stats.mtimeMs))
      found.push({ path, sizeBytes: stats.size });
  }
  return found.sort((a, b) => b.sizeBytes - a.sizeBytes);
}

function ownerIsGone(mark: string, quietMs: number): boolean {
  const owner = MARK.exec(mark)?.groups;
  // Someone else's file, such as a unique one of the Python client.
  if (!owner) return false;
  if (quietMs > STALE_MS) return !own.has(owner.id);
  if (owner.host !== thisHost) return false;
  // A restarted container often gets the same process id again.
  return Number(owner.processId) === process.pid ? !own.has(owner.id) : !isRunning(Number(owner.processId));
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
