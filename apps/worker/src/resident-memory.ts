import { readFileSync } from 'node:fs';

/**
 * Memory that this process and another one hold, in bytes; pages that both map, as those of shared weights, count twice.
 * @param other process id; undefined, or one that has ended, counts nothing
 */
export function residentBytes(other: number | undefined): number {
  return process.memoryUsage.rss() + (other === undefined ? 0 : residentBytesOf(other));
}

function residentBytesOf(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}
