import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** The process that holds a lock. */
export interface Holder {
  /** Random: tells two locks of one process apart. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Containers of one host count their processes each from 1; null where there are no namespaces. */
  readonly pidNamespace: string | null;
  /** A restarted container often gets the same pid again, not at the same tick; null where it is not known. */
  readonly startTicks: string | null;
}

/** `unknown`: it runs where this process cannot look. */
export type Life = 'running' | 'gone' | 'unknown';

/** This process as the holder of a new lock. */
export function thisProcess(): Holder {
  return {
    id: randomBytes(8).toString('hex'),
    host: hostname(),
    pid: process.pid,
    pidNamespace: pidNamespace(),
    startTicks: startTicks(process.pid),
  };
}

/** Whether the process that holds a lock lives: by its pid and its start where this process can look, `unknown` elsewhere. */
export function lifeOf(holder: Holder): Life {
  if (holder.host !== hostname() || holder.pidNamespace !== pidNamespace()) return 'unknown';
  if (!isRunning(holder.pid)) return 'gone';
  const ticks = startTicks(holder.pid);
  return ticks === null || holder.startTicks === null || ticks === holder.startTicks ? 'running' : 'gone';
}

/** @returns null when the text is not a holder: cut off while it was written, or of something else */
export function parseHolder(text: string): Holder | null {
  try {
    const { id, host, pid, pidNamespace, startTicks } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const isWhole = typeof id === 'string' && typeof host === 'string' && Number.isSafeInteger(pid);
    return isWhole
      ? { id, host, pid: pid as number, pidNamespace: textOf(pidNamespace), startTicks: textOf(startTicks) }
      : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)); the name before it may hold spaces and parentheses. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
