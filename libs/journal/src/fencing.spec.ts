import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { runPath } from '../test/example-run.ts';
import { RunFolderError } from './errors.ts';
import { removeUnnamed, replaceByCopy } from './fencing.ts';

const OWNER = { check: () => undefined };

describe('what is left to an owner before', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = runPath();
    mkdirSync(folder);
    path = join(folder, 'journal.jsonl');
    writeFileSync(path, 'good, torn');
  });

  it('is no file that grows: the good part of each is copied', async () => {
    expect(await replaceByCopy(path, 5, OWNER)).toBe(5);
    expect(await replaceByCopy(path, 5, OWNER)).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('good,');
    expect(readdirSync(folder)).toEqual(['journal.jsonl']);
  });

  it('is all of it where the folder is lost meanwhile, or the file is no longer as it was read', async () => {
    const lost = new RunFolderError('lost-ownership', 'lost');
    const check = (): void => {
      throw lost;
    };
    await expect(replaceByCopy(path, 5, { check })).rejects.toBe(lost);
    expect(readFileSync(path, 'utf8')).toBe('good, torn');
    truncateSync(path, 4);
    await expect(replaceByCopy(path, 5, OWNER)).rejects.toThrow('has 4 bytes, and had 5 when it was read');
    await expect(replaceByCopy(join(folder, 'cells.bin'), 0, OWNER)).rejects.toMatchObject({ code: 'io' });
    expect(readdirSync(folder)).toEqual(['journal.jsonl']);
  });

  it('is nothing that it has still to name, but for claims to the folder', async () => {
    const claim = 'owner.json.0123.incomplete';
    for (const name of [claim, 'result.json.0123.incomplete']) writeFileSync(join(folder, name), '');
    await removeUnnamed(folder);
    expect(readdirSync(folder)).toEqual(['journal.jsonl', claim]);
  });
});
