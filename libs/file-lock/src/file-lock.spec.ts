import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLock, isLocked } from './file-lock.ts';
import { thisProcess } from './holder.ts';

const HOLD = join(import.meta.dirname, '../test/hold-lock.ts');

describe('FileLock', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, 'a.lock');
  });
  afterEach(() => folder.remove());

  const ageMs = (ms: number): void => utimesSync(path, new Date(), new Date(Date.now() - ms));

  it('is held by one, and by another once it is released', async () => {
    const first = await FileLock.take(path);
    expect(first).not.toBeNull();
    expect(await FileLock.take(path)).toBeNull();
    expect(await isLocked(path)).toBe(true);
    await first?.release();
    expect(await isLocked(path)).toBe(false);
    const second = await FileLock.take(path);
    expect(second).not.toBeNull();
    await second?.release();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('goes to one of many that ask at once', async () => {
    const taken = await Promise.all(Array.from({ length: 40 }, () => FileLock.take(path)));
    expect(taken.filter((lock) => lock !== null)).toHaveLength(1);
  });

  it('is free as soon as its holder was killed', async () => {
    const child = fork(HOLD, [path]);
    await once(child, 'message');
    expect(await isLocked(path)).toBe(true);
    expect(await FileLock.take(path)).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await isLocked(path)).toBe(false);
    expect(await FileLock.take(path)).toBeNull(); // clears it away
    expect(await FileLock.take(path)).not.toBeNull();
  });

  it('is not held by a process that only has the pid of the one that is gone', async () => {
    writeFileSync(path, JSON.stringify({ ...thisProcess(), startTicks: '1' }));
    expect(await isLocked(path)).toBe(false);
  });

  it.each([
    ['on another host', { host: 'elsewhere' }],
    ['in another container', { pidNamespace: 'pid:[1]' }],
  ])('is held by a holder %s until nothing was heard of it for ten minutes', async (_, where) => {
    writeFileSync(path, JSON.stringify({ ...thisProcess(), ...where, pid: 1 }));
    ageMs(9 * 60_000);
    expect(await isLocked(path)).toBe(true);
    ageMs(11 * 60_000);
    expect(await isLocked(path)).toBe(false);
    ageMs(2 * 60_000);
    expect(await isLocked(path, 60_000)).toBe(false);
    expect(await FileLock.take(path, 60_000)).toBeNull();
    expect(await FileLock.take(path, 60_000)).not.toBeNull();
  });

  it('is held while it is being written, not when that was cut off', async () => {
    writeFileSync(path, '{"id":"12');
    expect(await isLocked(path)).toBe(true);
    ageMs(11_000);
    expect(await isLocked(path)).toBe(false);
  });

  it('is not taken from the next holder by one that lost it', async () => {
    const lost = await FileLock.take(path);
    const next = JSON.stringify(thisProcess());
    writeFileSync(path, next);
    await lost?.release();
    expect(readFileSync(path, 'utf8')).toBe(next);
  });

  it('says why where there can be no lock', async () => {
    await expect(FileLock.take(join(folder.path, 'missing/a.lock'))).rejects.toThrow('ENOENT');
    expect(existsSync(join(folder.path, 'missing'))).toBe(false);
  });
});
