import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeTinyFolder } from '../test/tiny-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const root = temporaryFolder();
const COMMIT = 'a'.repeat(40);
let count = 0;

/** A model as the hub's cache has it: `snapshots/<commit>/*` are links to blobs. */
async function cached(commits: readonly string[], main: string | null): Promise<string> {
  const model = join(root, String(count++), 'models--org--tiny');
  mkdirSync(join(model, 'blobs'), { recursive: true });
  mkdirSync(join(model, 'refs'));
  if (main !== null) writeFileSync(join(model, 'refs/main'), main);
  for (const commit of commits) {
    const snapshot = join(model, 'snapshots', commit);
    mkdirSync(snapshot, { recursive: true });
    await writeTinyFolder(snapshot);
    for (const name of ['config.json', 'model.safetensors']) {
      renameSync(join(snapshot, name), join(model, 'blobs', `${commit}-${name}`));
      symlinkSync(`../../blobs/${commit}-${name}`, join(snapshot, name));
    }
  }
  return model;
}

const open = (folder: string) => openCheckpoint(folder, { cacheFolder: join(root, 'cache') });

describe('a model in the cache of the hub', () => {
  it('is opened by its snapshot, whose weights are the blobs', async () => {
    const model = await cached([COMMIT], COMMIT);
    const { embedding, folder } = await open(join(model, 'snapshots', COMMIT));
    expect(folder).toBe(join(model, 'snapshots', COMMIT));
    expect(embedding.file).toBe(join(model, 'blobs', `${COMMIT}-model.safetensors`));
  });

  it('is opened by its own folder, at main or at its only snapshot', async () => {
    const both = await cached(['b'.repeat(40), COMMIT], `${COMMIT}\n`);
    expect((await open(both)).folder).toBe(join(both, 'snapshots', COMMIT));
    const only = await cached(['c'.repeat(40)], null);
    expect((await open(only)).folder).toBe(join(only, 'snapshots', 'c'.repeat(40)));
  });

  it('without a main among several snapshots is refused with the path to name', async () => {
    const model = await cached(['b'.repeat(40), 'c'.repeat(40)], '../../elsewhere');
    await expect(open(model)).rejects.toThrow(
      `has 2 snapshots and none of them is main: name one, e.g. ${join(model, 'snapshots', 'b'.repeat(40))}`,
    );
  });
});
