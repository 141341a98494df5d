import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStat {
  readonly state: string;
  readonly parent: number;
}

/** Whether the process runs (Linux). One that has ended but that its parent has not reaped does not. */
export function processExists(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && isRunning(stat);
}

/** Ids of the running children of a process, of their children, and so on (Linux), parents first. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : undefined;
    if (stat && isRunning(stat))
      children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  for (let next: number[] = [pid]; next.length > 0; found.push(...next)) {
    next = next.flatMap((parent) => children.get(parent) ?? []);
  }
  return found;
}

function isRunning({ state }: ProcessStat): boolean {
  return state !== 'Z' && state !== 'X';
}

/** The third and fourth field of `/proc/<pid>/stat`; the second, a name in brackets, may hold brackets itself. */
function readStat(pid: number): ProcessStat | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const [state, parent] = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return { state, parent: Number(parent) };
}
