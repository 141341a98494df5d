import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RunClock } from './clock.ts';
import { errnoOf, ioError, RunFolderError } from './errors.ts';
import { OWNER_FILE } from './file-names.ts';
import {
  formatOwnerRecord,
  isGone,
  parseOwnerRecord,
  thisProcess,
  type OwnerRecord,
} from './owner-record.ts';

/** How ownership is taken and kept. */
export interface OwnershipTimes {
  readonly heartbeatMs: number;
  /** An owner whose heartbeat stands still for so long has died. */
  readonly staleMs: number;
  readonly pollMs: number;
}

const MAX_OWNER_BYTES = 65_536;

/** Longer than the moment between a taker's last look at the old owner and its own record being in place. */
const SETTLE_MS = 50;

/**
 * The right to write into a run folder.
 *
 * Invariants:
 * 1. `owner.json` names one owner. It is made exclusively or renamed over a dead owner's; of several takers the last
 *    rename wins, and the others find out before they write anything.
 * 2. Whether an owner lives is judged only by whether its heartbeat moves, over time that the observer's monotonic
 *    clock has counted poll by poll: neither wall clocks nor a pause of the observer count.
 * 3. The heartbeat is written through the descriptor of the file that this owner made: where another owner has
 *    renamed its own file over it, a late heartbeat goes nowhere.
 * 4. An event loop that stands still for longer than `staleMs` can lose the folder; `check` says so before the next
 *    write.
 */
export class Ownership {
  private readonly folder: string;
  private readonly descriptor: number;
  private readonly stopHeartbeat: () => void;
  private record: OwnerRecord;

  private constructor(
    folder: string,
    record: OwnerRecord,
    descriptor: number,
    times: OwnershipTimes,
    clock: RunClock,
  ) {
    this.folder = folder;
    this.record = record;
    this.descriptor = descriptor;
    this.stopHeartbeat = clock.every(times.heartbeatMs, () => this.beat());
  }

  /**
   * Takes the folder at once when nobody has it or its owner provably died, else once its owner's heartbeat has
   * stood still for `staleMs` (2).
   * @param onWait called once, with a line for the user, when it has to wait
   * @param signal ends the waiting, within one poll; its reason is thrown
   * @throws RunFolderError `owned` when the heartbeat moves, `io`
   */
  static async acquire(
    folder: string,
    times: OwnershipTimes,
    clock: RunClock,
    onWait: (message: string) => void,
    signal?: AbortSignal,
  ): Promise<Ownership> {
    let seen: string | undefined;
    let unchangedMs = 0;
    for (;;) {
      const text = readOwnerText(folder);
      if (text === undefined) {
        const claimed = Ownership.tryClaim(folder, times, clock);
        if (claimed) return claimed;
        throw owned(folder, readOwner(folder)); // Another was faster, just now.
      }
      const owner = parseOwnerRecord(text);
      if (seen !== undefined && text !== seen) throw owned(folder, owner);
      if (unchangedMs >= times.staleMs || (owner && isGone(owner)))
        return Ownership.takeOver(folder, times, clock);
      if (seen === undefined) onWait(waiting(folder, owner, times.staleMs));
      seen = text;
      const beforeMs = clock.monotonicMs();
      await clock.sleep(times.pollMs);
      signal?.throwIfAborted();
      unchangedMs += Math.min(clock.monotonicMs() - beforeMs, 2 * times.pollMs);
    }
  }

  private static tryClaim(folder: string, times: OwnershipTimes, clock: RunClock): Ownership | undefined {
    const path = join(folder, OWNER_FILE);
    try {
      return Ownership.write(folder, path, times, clock);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return undefined;
      throw ioError(error, 'write', path);
    }
  }

  private static async takeOver(folder: string, times: OwnershipTimes, clock: RunClock): Promise<Ownership> {
    const path = join(folder, OWNER_FILE);
    const own = `${path}.${randomUUID()}.incomplete`;
    let taken: Ownership | undefined;
    try {
      taken = Ownership.write(folder, own, times, clock);
      renameSync(own, path);
    } catch (error) {
      taken?.abandon();
      rmSync(own, { force: true });
      throw ioError(error, 'take over', path);
    }
    await clock.sleep(SETTLE_MS);
    const winner = parseOwnerRecord(readOwnerText(folder) ?? '');
    if (winner?.ownerId === taken.record.ownerId) return taken;
    taken.abandon();
    throw owned(folder, winner);
  }

  private static write(folder: string, path: string, times: OwnershipTimes, clock: RunClock): Ownership {
    const record = thisProcess(randomUUID(), clock.wallTime());
    const descriptor = openSync(path, 'wx');
    try {
      writeSync(descriptor, formatOwnerRecord(record), 0);
    } catch (error) {
      closeSync(descriptor);
      rmSync(path, { force: true });
      throw error;
    }
    return new Ownership(folder, record, descriptor, times, clock);
  }

  /** @throws RunFolderError `lost-ownership` when another process has the folder by now, `io` */
  check(): void {
    const owner = parseOwnerRecord(readOwnerText(this.folder) ?? '');
    if (owner?.ownerId === this.record.ownerId) return;
    throw new RunFolderError(
      'lost-ownership',
      `${this.folder} now belongs to ${nameOf(owner)}: this process stopped writing to it`,
    );
  }

  /** Gives the folder up, so that the next owner need not wait. */
  release(): void {
    this.abandon();
    try {
      this.check();
    } catch {
      return; // It is another's by now, or cannot be read: then it goes stale.
    }
    rmSync(join(this.folder, OWNER_FILE), { force: true });
  }

  private abandon(): void {
    this.stopHeartbeat();
    closeSync(this.descriptor);
  }

  private beat(): void {
    this.record = { ...this.record, heartbeat: this.record.heartbeat + 1 };
    try {
      writeSync(this.descriptor, formatOwnerRecord(this.record), 0); // The text never gets shorter (3).
    } catch {
      // A heartbeat missed; a disk that stays like this shows at the next append.
    }
  }
}

/** Who has the folder now, without asking whether they live; undefined where nobody has. */
export function readOwner(folder: string): OwnerRecord | undefined {
  return parseOwnerRecord(readOwnerText(folder) ?? '');
}

function readOwnerText(folder: string): string | undefined {
  const path = join(folder, OWNER_FILE);
  try {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(MAX_OWNER_BYTES);
      return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, MAX_OWNER_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

function nameOf(owner: OwnerRecord | undefined): string {
  return owner ? `process ${owner.pid} on ${owner.host}` : 'another process';
}

function owned(folder: string, owner: OwnerRecord | undefined): RunFolderError {
  return new RunFolderError(
    'owned',
    `${folder} is in use by ${nameOf(owner)}: wait until it ends, or stop it`,
  );
}

function waiting(folder: string, owner: OwnerRecord | undefined, staleMs: number): string {
  return `${folder} was left by ${nameOf(owner)}: waiting up to ${Math.ceil(staleMs / 1000)} s to see whether it still runs`;
}
