import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ggufBytes, splitGguf, TINY_METADATA, tinyGgufTensors } from '../test/gguf-bytes.ts';
import { temporaryFolder, writeTinyFolder } from '../test/tiny-model.ts';
import { locateModel } from './locate-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const root = temporaryFolder();
let count = 0;

function folderWith(...files: { name: string; bytes: Uint8Array }[]): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  for (const { name, bytes } of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

const gguf = (name: string) => ({ name, bytes: ggufBytes(TINY_METADATA, tinyGgufTensors()) });
const readme = { name: 'README.md', bytes: Buffer.from('# a card') };

describe('a folder without config.json', () => {
  it('that holds one GGUF is that model', async () => {
    const folder = folderWith(readme, gguf('tiny.F32.gguf'));
    const { sourcePath } = await openCheckpoint(folder, { cacheFolder: join(root, 'cache') });
    expect(sourcePath).toBe(join(folder, 'tiny.F32.gguf'));
  });

  it('that holds the parts of one is that model', async () => {
    const folder = folderWith(readme, ...splitGguf('tiny', 3));
    expect(await locateModel(folder)).toEqual({
      kind: 'gguf',
      file: join(folder, 'tiny-00001-of-00003.gguf'),
    });
  });

  it('that holds two is asked which one is meant', async () => {
    const folder = folderWith(gguf('b.gguf'), gguf('a.gguf'));
    await expect(openCheckpoint(folder, { cacheFolder: join(root, 'cache') })).rejects.toThrow(
      'name the file that is meant, e.g. a.gguf',
    );
  });
});

it('a folder with config.json stays a Hugging Face folder, whatever lies beside', async () => {
  const folder = folderWith(gguf('tiny.gguf'));
  await writeTinyFolder(folder);
  expect(await locateModel(folder)).toEqual({ kind: 'folder', folder });
});
