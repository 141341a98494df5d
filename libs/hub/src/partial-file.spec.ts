import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimPartial, partialBytes, releasePartial, removePartials } from './partial-file.ts';

const HASH = 'a'.repeat(64);

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const put = (mark: string, content: string): string => {
  const path = join(folder.path, `${HASH}.${mark === '' ? '' : `${mark}.`}incomplete`);
  writeFileSync(path, content);
  return path;
};
const claim = () => claimPartial(folder.path, HASH);
const thisHost = async () => /\.([0-9a-f]{8})-/.exec(basename(await claim()))![1];

describe('a partial file', () => {
  it('of nobody is taken over by one download only', async () => {
    put('', 'bytes');
    const [first, second] = await Promise.all([claim(), claim()]);
    expect(first).not.toBe(second);
    expect(readdirSync(folder.path).length).toBe(1);
    expect([first, second].map((path) => basename(path))).toContain(readdirSync(folder.path)[0]);
  });

  it('of a live download is left alone, here and elsewhere', async () => {
    const own = await claim();
    writeFileSync(own, 'mine');
    put(`${await thisHost()}-1-00000000`, 'of a process that runs');
    put('00000000-1-00000000', 'of another host');
    put('1234abcd', 'of the Python client');
    expect(await partialBytes(folder.path, HASH)).toBe(0);
    await claim();
    expect(readFileSync(own, 'utf8')).toBe('mine');
    expect(readdirSync(folder.path).length).toBe(4);
  });

  it.each(['dead', 'restarted', 'silent'])('of a %s owner is taken over', async (owner) => {
    const host = owner === 'silent' ? '00000000' : await thisHost();
    const processId = owner === 'restarted' ? process.pid : 2 ** 30;
    const path = put(`${host}-${processId}-00000000`, 'bytes');
    if (owner === 'silent') utimesSync(path, 0, 0);
    expect(await partialBytes(folder.path, HASH)).toBe(5);
    expect(readFileSync(await claim(), 'utf8')).toBe('bytes');
  });

  it('is taken over where it is the largest of several', async () => {
    const host = await thisHost();
    put('', 'ab');
    put(`${host}-${2 ** 30}-00000000`, 'abc');
    const claimed = await claim();
    expect(readFileSync(claimed, 'utf8')).toBe('abc');
    await removePartials(claimed, folder.path, HASH);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is left to the next download, unless it is empty or another has more', async () => {
    const [small, large, empty] = [await claim(), await claim(), await claim()];
    writeFileSync(small, 'ab');
    writeFileSync(large, 'abc');
    writeFileSync(empty, '');
    for (const claimed of [small, large, empty]) await releasePartial(claimed, folder.path, HASH);
    expect(readdirSync(folder.path)).toEqual([`${HASH}.incomplete`]);
    expect(readFileSync(await claim(), 'utf8')).toBe('abc');
  });
});
