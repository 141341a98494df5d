import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeWhole } from './write-whole.ts';

describe('writeWhole', () => {
  let folder: TemporaryFolder;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, 'file');
  });
  afterEach(() => folder.remove());

  it('replaces what is there, and leaves nothing else', async () => {
    await writeWhole(path, 'old');
    await writeWhole(path, Buffer.from('new'));
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  it('writes one of many contents that are given at once', async () => {
    const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(100_000));
    await Promise.all(contents.map((content) => writeWhole(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  it('leaves the old content where it may not have its name', async () => {
    await writeWhole(path, 'old');
    const forbid = (): void => {
      expect(readdirSync(folder.path)).toHaveLength(2);
      throw new Error('not yours');
    };
    await expect(writeWhole(path, 'new', forbid)).rejects.toThrow('not yours');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  it('leaves nothing beside a path that it cannot take', async () => {
    mkdirSync(join(path, 'full'), { recursive: true });
    await expect(writeWhole(path, 'new')).rejects.toThrow(/EISDIR|ENOTEMPTY/);
    expect(readdirSync(folder.path)).toEqual(['file']);
  });
});
