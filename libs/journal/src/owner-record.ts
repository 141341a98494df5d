import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from './errors.ts';

/** Who has a run folder, as `owner.json` says it. */
export interface OwnerRecord {
  readonly ownerId: string;
  readonly pid: number;
  readonly host: string;
  /** Identify the kernel and the process namespace that `pid` is a number of; null where the system has no such thing. */
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  /** ISO 8601, for people. */
  readonly since: string;
  /** Counts up while the owner lives. */
  readonly heartbeat: number;
}

/** The calling process as an owner. */
export function thisProcess(ownerId: string, since: string): OwnerRecord {
  return {
    ownerId,
    pid: process.pid,
    host: hostname(),
    bootId: readOrNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: readOrNull(() => readlinkSync('/proc/self/ns/pid')),
    since,
    heartbeat: 0,
  };
}

export function formatOwnerRecord(record: OwnerRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Undefined where the text is not an owner record, e.g. because it is being written. */
export function parseOwnerRecord(text: string): OwnerRecord | undefined {
  try {
    const { ownerId, pid, host, bootId, pidNamespace, since, heartbeat } = JSON.parse(text) as OwnerRecord;
    const fits =
      [ownerId, host, since].every((field) => typeof field === 'string') &&
      [pid, heartbeat].every(Number.isSafeInteger) &&
      [bootId, pidNamespace].every((field) => field === null || typeof field === 'string');
    return fits ? { ownerId, pid, host, bootId, pidNamespace, since, heartbeat } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the owner's process provably no longer exists: it ran under this very kernel and process namespace, where
 * its pid is now free. Anything less certain is false.
 */
export function isGone(owner: OwnerRecord): boolean {
  const here = thisProcess('', '');
  if (owner.bootId === null || owner.pidNamespace === null || owner.pid <= 0) return false;
  if (owner.host !== here.host || owner.bootId !== here.bootId || owner.pidNamespace !== here.pidNamespace)
    return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
}

function readOrNull(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
