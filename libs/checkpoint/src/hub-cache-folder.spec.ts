import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, tinyTensors, writeTinyFolder } from '../test/tiny-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { writeSafetensors } from './safetensors-writer.ts';

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

  it('whose refs/main is a pipe, a folder or no commit is opened at its only snapshot', async () => {
    const model = await cached([COMMIT], 'f'.repeat(1000));
    const main = join(model, 'refs/main');
    expect((await open(model)).folder).toBe(join(model, 'snapshots', COMMIT));
    rmSync(main);
    execFileSync('mkfifo', [main]);
    expect((await open(model)).folder).toBe(join(model, 'snapshots', COMMIT));
    rmSync(main);
    mkdirSync(main);
    expect((await open(model)).folder).toBe(join(model, 'snapshots', COMMIT));
  });

  it('of which a file never came is refused with the link and the way to fetch it', async () => {
    const model = await cached([COMMIT], COMMIT);
    rmSync(join(model, 'blobs', `${COMMIT}-model.safetensors`));
    await expect(open(model)).rejects.toThrow(
      `model.safetensors: is a link to ../../blobs/${COMMIT}-model.safetensors, which is not there: fetch it again`,
    );
  });

  it('in shards is opened, and a shard that never came is named with its model', async () => {
    const model = await cached([COMMIT], COMMIT);
    const snapshot = join(model, 'snapshots', COMMIT);
    rmSync(join(snapshot, 'model.safetensors'));
    const tensors = tinyTensors();
    const weight_map: Record<string, string> = {};
    for (const [i, part] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
      const name = `model-0000${i + 1}-of-00002.safetensors`;
      for (const tensor of part) weight_map[tensor.name] = name;
      await writeSafetensors(join(model, 'blobs', String(i)), part);
      symlinkSync(`../../blobs/${i}`, join(snapshot, name));
    }
    writeFileSync(join(snapshot, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    const { embedding, finalNorm } = await open(model);
    expect([embedding.file, finalNorm.file]).toEqual([join(model, 'blobs/0'), join(model, 'blobs/1')]);

    rmSync(join(model, 'blobs/1'));
    await expect(open(model)).rejects.toThrow(
      /calls for it, fetch it: hf download org\/tiny model-00002-of-00002\.safetensors$/,
    );
  });
});
