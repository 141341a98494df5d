import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { lifeOf, parseHolder, thisProcess, type Holder } from './holder.ts';

/** A holder that cannot be looked up shows by this that it lives. */
const TOUCH_MS = 15_000;
/** Long enough for a holder whose thread computes for minutes. */
const STALE_MS = 10 * 60_000;
/** A lock that does not say whose it is was cut off while it was written, if it is older than this. */
const UNWRITTEN_MS = 10_000;

/*
 * 1. A lock is a file that names its holder. It is made exclusively, so one process gets it.
 * 2. A lock is abandoned when the holder's process is gone; of a holder that cannot be looked up, on another host or
 *    in another container, when the file has not been touched for the time that the one who asks allows it.
 * 3. An abandoned lock is taken away by renaming it, which the file system grants to one process only. A lock that
 *    was moved by mistake, since its holder had just changed, is put back.
 * 4. A holder that was stopped for long may find its lock in other hands: what a lock guards must stay correct
 *    with two holders, and the lock only saves work.
 */

/** An exclusive lock that this process holds until it releases it or ends, however it ends. */
export class FileLock {
  private readonly path: string;
  private readonly holder: Holder;
  private readonly timer: NodeJS.Timeout;

  private constructor(path: string, holder: Holder) {
    this.path = path;
    this.holder = holder;
    this.timer = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined); // (4)
    }, TOUCH_MS);
    this.timer.unref();
  }

  /**
   * @param path the lock's own file, in a folder that exists
   * @param staleMs after how long a holder that cannot be looked up is taken for dead; 10 minutes. Holders touch their
   * locks every 15 s while their thread is free; the clocks of two hosts may differ by some.
   * @returns null when another holds it, and when an abandoned one was only just cleared away: try again
   */
  static async take(path: string, staleMs = STALE_MS): Promise<FileLock | null> {
    const holder = thisProcess();
    try {
      await writeFile(path, JSON.stringify(holder), { flag: 'wx' }); // (1)
      return new FileLock(path, holder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') {
        if (code !== 'ENOENT') await rm(path, { force: true }); // made, and not written: the disk is full
        throw error;
      }
    }
    const found = await look(path, staleMs);
    if (found?.isAbandoned) await clear(path, found.holder);
    return null;
  }

  /** Lets another take it; a lock that is in other hands already stays there (4). */
  async release(): Promise<void> {
    clearInterval(this.timer);
    const found = await look(this.path, STALE_MS);
    if (found?.holder?.id === this.holder.id) await rm(this.path, { force: true });
  }
}

/** Whether a living process holds the lock, this one included. @param staleMs as of `take` */
export async function isLocked(path: string, staleMs = STALE_MS): Promise<boolean> {
  const found = await look(path, staleMs);
  return found !== null && !found.isAbandoned;
}

async function look(
  path: string,
  staleMs: number,
): Promise<{ holder: Holder | null; isAbandoned: boolean } | null> {
  let text: string;
  let ageMs: number;
  try {
    ageMs = Date.now() - (await stat(path)).mtimeMs;
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const holder = parseHolder(text);
  if (holder === null) return { holder, isAbandoned: ageMs > UNWRITTEN_MS };
  const life = lifeOf(holder);
  return { holder, isAbandoned: life === 'gone' || (life === 'unknown' && ageMs > staleMs) };
}

/** (3) */
async function clear(path: string, dead: Holder | null): Promise<void> {
  const moved = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(path, moved);
  } catch {
    return; // another process was faster
  }
  const holder = parseHolder(await readFile(moved, 'utf8').catch(() => ''));
  if (holder?.id === dead?.id) await rm(moved, { force: true });
  else await rename(moved, path).catch(() => undefined);
}
