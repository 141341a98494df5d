import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeScratchFolder, removeAbandonedScratch } from './scratch-folder.ts';

const HOLD = join(import.meta.dirname, '../test/hold-scratch.ts');

describe('a scratch folder', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('goes with its lock when it is removed', async () => {
    const parent = join(folder.path, 'cache');
    const scratch = await makeScratchFolder(parent, 'check');
    writeFileSync(join(scratch.path, 'weights'), 'many');
    await scratch.remove();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('is removed once its process was killed, and not before', async () => {
    const child = fork(HOLD, [folder.path]);
    await once(child, 'message');
    await removeAbandonedScratch(folder.path, 'check');
    expect(readdirSync(folder.path)).toHaveLength(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await removeAbandonedScratch(folder.path, 'other');
    expect(readdirSync(folder.path)).toHaveLength(2);
    await removeAbandonedScratch(folder.path, 'check');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is removed by one of many that look at once', async () => {
    mkdirSync(join(folder.path, 'check-0123456789ab'));
    await Promise.all(Array.from({ length: 10 }, () => removeAbandonedScratch(folder.path, 'check')));
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is nothing that somebody else has put there', async () => {
    mkdirSync(join(folder.path, 'check-mine'));
    writeFileSync(join(folder.path, 'check-0123456789abc'), 'mine');
    await removeAbandonedScratch(folder.path, 'check');
    expect(readdirSync(folder.path)).toHaveLength(2);
    await removeAbandonedScratch(join(folder.path, 'missing'), 'check');
  });
});
