import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Lets a running process take so many bytes more than it has; beyond that its allocations fail (Linux). */
export function limitAddressSpace(pid: number, moreBytes: number): void {
  const kibibytes = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  execFileSync('prlimit', ['--pid', String(pid), `--as=${1024 * kibibytes + moreBytes}`]);
}
