import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { temporaryFolder } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';
import { syncFolder } from './sync-folder.ts';

/** A folder of a file system that cannot sync folders. */
const UNABLE = '/proc';

describe('syncFolder', () => {
  it('syncs a folder, and says when there is none', async () => {
    const folder = temporaryFolder();
    await syncFolder(folder.path);
    folder.remove();
    await expect(syncFolder(folder.path)).rejects.toThrow(/ENOENT/);
  });

  it.skipIf(!existsSync(UNABLE))('takes it that a file system cannot', async () => {
    const folder = await open(UNABLE, 'r');
    await expect(folder.sync()).rejects.toThrow(/EINVAL/);
    await folder.close();
    await syncFolder(UNABLE);
  });
});
