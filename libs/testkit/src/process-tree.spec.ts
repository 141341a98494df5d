import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { descendants, processExists } from './process-tree.ts';
import { waitFor } from './wait-for.ts';

const started: ChildProcess[] = [];

/** A shell in a process group of its own, so that whatever it leaves behind can be ended too. */
function shell(command: string): number {
  const child = spawn('sh', ['-c', command], { detached: true, stdio: 'ignore' });
  if (child.pid === undefined) throw new Error(`could not start: ${command}`);
  started.push(child);
  return child.pid;
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.pid === undefined || child.exitCode !== null) continue;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }
});

describe('processExists', () => {
  it('is true for this process and false for one that has ended', async () => {
    expect(processExists(process.pid)).toBe(true);
    const pid = shell('exit 0');
    await waitFor(() => !processExists(pid), { timeoutMs: 10_000 });
  });

  it('is false for a process that ended but was not reaped', async () => {
    // The shell turns into a program that never waits for the child it inherits.
    const pid = shell('sleep 60 & exec sleep 61');
    await waitFor(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'), {
      timeoutMs: 10_000,
    });
    const [child] = descendants(pid);
    process.kill(child, 'SIGKILL');
    await waitFor(() => !processExists(child), { timeoutMs: 10_000 });
    expect(process.kill(child, 0)).toBe(true);
    expect(descendants(pid)).toEqual([]);
    expect(processExists(pid)).toBe(true);
  });
});

describe('descendants', () => {
  it('lists children and grandchildren, parents first', async () => {
    const pid = shell('sh -c "sleep 60 & wait" & wait');
    await waitFor(() => descendants(pid).length === 2, { timeoutMs: 10_000 });
    const [child, grandchild] = descendants(pid);
    expect(descendants(child)).toEqual([grandchild]);
    expect(descendants(process.pid)).toEqual(expect.arrayContaining([pid, child, grandchild]));
  });

  it('is empty for a process that does not exist', () => {
    expect(descendants(2 ** 30)).toEqual([]);
  });
});
