import { closeSync, openSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A line a hierarchy, of which there are at most a dozen. */
const MAX_CGROUP_BYTES = 64 * 1024;
/** A host with thousands of containers has thousands of mounts; those of the control groups come early. */
const MAX_MOUNTS_BYTES = 4 * 2 ** 20;
const MAX_COUNTERS_BYTES = 4096;

interface Mount {
  /** The control group that is seen at the mount point: not `/` in a container without a namespace of its own. */
  readonly root: string;
  readonly point: string;
}

/**
 * How many processes of this process's control group the kernel has killed for want of memory since the group was
 * made. Read before and after a death it tells an out-of-memory kill from any other signal 9.
 * (cgroup v2: `memory.events`; v1, since Linux 4.13: `memory.oom_control`.)
 * @param root folder to take for `/`
 * @returns undefined where nothing counts: no control groups, or this process is in the root group
 */
export function oomKills(root = '/'): number | undefined {
  const groups = readText(join(root, 'proc/self/cgroup'), MAX_CGROUP_BYTES);
  const mounts = readText(join(root, 'proc/self/mountinfo'), MAX_MOUNTS_BYTES);
  for (const file of counterFiles(groups, mounts)) {
    const count = parseOomKills(readText(join(root, file), MAX_COUNTERS_BYTES));
    if (count !== undefined) return count;
  }
  return undefined;
}

/**
 * Where the counter may be, in the order to look: the group of the v1 memory controller where that is in use, else the
 * v2 group.
 * @param groups text of `/proc/self/cgroup`
 * @param mounts text of `/proc/self/mountinfo`
 */
export function counterFiles(groups: string, mounts: string): string[] {
  const files: string[] = [];
  for (const line of groups.split('\n')) {
    const [, controllers, group] = /^\d{1,9}:([^:]{0,200}):(\/.{0,4000})$/.exec(line) ?? [];
    if (group === undefined) continue;
    const isV2 = controllers === '';
    if (!isV2 && !controllers.split(',').includes('memory')) continue;
    const mount = findMount(mounts, isV2);
    if (mount === undefined) continue;
    const file = isV2 ? 'memory.events' : 'memory.oom_control';
    // A group outside of what is mounted, `/../x`, is seen at the mount point if at all.
    const below = group.startsWith('/..') ? '' : relative(mount.root, group);
    const folder = below.startsWith('..') ? mount.point : join(mount.point, below);
    files.push(join(folder, file));
  }
  return files;
}

/** The `oom_kill` line of `memory.events` or `memory.oom_control`. */
export function parseOomKills(text: string): number | undefined {
  const digits = /^oom_kill (\d{1,15})$/m.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Fields of a line: `36 35 0:31 <root> <mount point> <options> ... - <type> <source> <options>`. (proc(5).) */
function findMount(mounts: string, isV2: boolean): Mount | undefined {
  for (const line of mounts.split('\n')) {
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const [, , , root, point] = line.slice(0, separator).split(' ');
    const [type, , options = ''] = line.slice(separator + 3).split(' ');
    const isWanted = isV2 ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('memory');
    if (isWanted && point !== undefined) return { root: unescaped(root), point: unescaped(point) };
  }
  return undefined;
}

/** Blanks and backslashes of a path stand there as `\040` and the like. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** At most `maxBytes` from the start; empty where the file cannot be read. */
function readText(path: string, maxBytes: number): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const bytes = Buffer.alloc(maxBytes);
    let length = 0;
    // Files of /proc are read piece by piece.
    for (;;) {
      const read = readSync(descriptor, bytes, length, maxBytes - length, null);
      length += read;
      if (read === 0 || length === maxBytes) return bytes.toString('utf8', 0, length);
    }
  } catch {
    return '';
  } finally {
    closeSync(descriptor);
  }
}
