import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ggufBytes, splitGguf, TINY_METADATA, tinyGgufTensors } from '../test/gguf-bytes.ts';
import { tinyGptq, writeQuantized } from '../test/tiny-quantized.ts';
import { listModelFiles } from './model-files.ts';
import { openCheckpoint } from './open-checkpoint.ts';

describe('listModelFiles', () => {
  let folder: TemporaryFolder;
  const at = (...names: string[]): string => join(folder.path, ...names);
  const cacheFolder = (): string => at('cache');
  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(at('model'));
  });
  afterEach(() => folder.remove());

  /**
   * The names of the listed files, after a look at a copy of them and of nothing else, as it lies in a cache: links
   * to files whose names are hashes. It must open as the same model.
   */
  async function namesOf(path: string): Promise<string[]> {
    const listed = await listModelFiles(path);
    const { fingerprint } = await openCheckpoint(path, { cacheFolder: cacheFolder() });
    expect(listed.fingerprint).toBe(fingerprint);
    mkdirSync(at('blobs'));
    mkdirSync(at('links'));
    listed.files.forEach(({ name, path: file }, i) => {
      writeFileSync(at('blobs', String(i)), readFileSync(file));
      symlinkSync(join('..', 'blobs', String(i)), at('links', name));
    });
    renameSync(at('model'), at('away'));
    const copy = listed.entry === null ? at('links') : at('links', listed.entry);
    expect((await openCheckpoint(copy, { cacheFolder: at('another-cache') })).fingerprint).toBe(fingerprint);
    expect((await listModelFiles(copy)).fingerprint).toBe(fingerprint);
    return listed.files.map(({ name }) => name);
  }

  it('takes config, index and shards of a folder, and nothing that lies beside them', async () => {
    await writeTinyModel(at('model'), TINY_MODELS['llama-bf16-sharded']);
    writeFileSync(at('model', 'tokenizer.json'), '{}');
    writeFileSync(at('model', 'notes.safetensors'), 'not of the model');
    expect(await namesOf(at('model'))).toEqual([
      'config.json',
      'model.safetensors.index.json',
      ...[1, 2, 3].map((shard) => `model-0000${shard}-of-00003.safetensors`),
    ]);
  });

  it('takes the one file of weights, though an index lies beside it', async () => {
    await writeTinyModel(at('model'), TINY_MODELS['llama-gqa-untied']);
    writeFileSync(at('model', 'model.safetensors.index.json'), '{}');
    expect(await namesOf(at('model'))).toEqual(['config.json', 'model.safetensors']);
  });

  it('takes the file that says how packed weights are quantized', async () => {
    writeQuantized(at('model'), tinyGptq(), { quantization_config: undefined });
    const how = '{"bits":4,"group_size":16,"desc_act":false,"sym":true}';
    writeFileSync(at('model', 'quantize_config.json'), how);
    expect(await namesOf(at('model'))).toEqual(['config.json', 'model.safetensors', 'quantize_config.json']);
  });

  it('takes a GGUF, and every part of one that is split, whichever is named', async () => {
    writeFileSync(at('model', 'tiny.gguf'), ggufBytes(TINY_METADATA, tinyGgufTensors()));
    expect((await listModelFiles(at('model', 'tiny.gguf'))).files.map(({ name }) => name)).toEqual([
      'tiny.gguf',
    ]);
    const parts = splitGguf('m', 3);
    for (const { name, bytes } of parts) writeFileSync(at('model', name), bytes);
    expect(await namesOf(at('model', parts[1].name))).toEqual(parts.map(({ name }) => name));
  });
});
