import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchModelFrom } from '../src/fetch-model.ts';
import { parseModelReference } from '../src/reference.ts';
import { bytesOf, closeSites, hubError, openSite, SHARDED_MODEL_FILES, shardedModel } from './hub-site.ts';

afterEach(closeSites);

const MODEL = 'models/org/name';
const reference = (text: string) => parseModelReference(text)!;

describe('fetchModel', () => {
  it('fetches the files that are needed, and no others, into the layout of the Python client', async () => {
    const { hub, standIn, cacheFolder } = await openSite({ [MODEL]: shardedModel() });
    const { path, commit, pinned, note } = await fetchModelFrom(hub, reference('org/name'));
    const repository = join(cacheFolder, 'models--org--name');
    expect(commit).toBe(standIn.commitOf(MODEL));
    expect(path).toBe(join(repository, 'snapshots', commit));
    expect({ pinned, note }).toEqual({ pinned: `org/name@${commit}`, note: null });
    expect(readdirSync(path).sort()).toEqual(SHARDED_MODEL_FILES);
    expect(readFileSync(join(repository, 'refs', 'main'), 'utf8')).toBe(commit);
    for (const file of SHARDED_MODEL_FILES) {
      expect(readlinkSync(join(path, file))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}([0-9a-f]{24})?$/);
      expect(readFileSync(join(path, file))).toEqual(Buffer.from(shardedModel()[file]));
    }
    expect(readdirSync(join(repository, 'blobs')).filter((name) => name.includes('.'))).toEqual([]);
  });

  it('prefers model.safetensors to an index, as transformers does', async () => {
    const { hub } = await openSite({ [MODEL]: { ...shardedModel(), 'model.safetensors': 'weights' } });
    const { path } = await fetchModelFrom(hub, reference('org/name'));
    expect(readdirSync(path).filter((name) => name.endsWith('.safetensors'))).toEqual(['model.safetensors']);
  });

  it('reports the bytes of all files together, up to their sum', async () => {
    const { hub } = await openSite({ [MODEL]: shardedModel(300_000) });
    const seen: [number, number, string][] = [];
    const { path } = await fetchModelFrom(hub, reference('org/name'), (...args) => seen.push(args));
    const sum = readdirSync(path).reduce((bytes, name) => bytes + readFileSync(join(path, name)).length, 0);
    expect(seen.at(-1)).toEqual([sum, sum, 'org/name']);
    expect(seen.every(([done, total], i) => total === sum && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
    expect(seen.length).toBeGreaterThan(5);
  });

  it('fetches only what changed when the branch moves on', async () => {
    const site = await openSite({ [MODEL]: shardedModel(100_000) });
    const first = await fetchModelFrom(site.hub, reference('org/name'));
    const sent = site.standIn.sentBytes;
    site.write(MODEL, { 'config.json': '{"model_type": "qwen2"}' });
    const second = await fetchModelFrom(site.hub, reference('org/name'));
    expect(second.commit).not.toBe(first.commit);
    expect(site.standIn.sentBytes - sent).toBe(readFileSync(join(second.path, 'config.json')).length);
    expect(realpathSync(join(first.path, 'tokenizer.json'))).toBe(
      realpathSync(join(second.path, 'tokenizer.json')),
    );
    expect(readFileSync(join(first.path, 'config.json'), 'utf8')).toContain('llama');
  });

  it('takes a tag, a pull request or a commit for a revision', async () => {
    const { hub, standIn, cacheFolder } = await openSite(
      { [MODEL]: shardedModel() },
      { revisions: ['v1.0', 'refs/pr/1'] },
    );
    const commit = standIn.commitOf(MODEL);
    for (const revision of ['v1.0', 'refs/pr/1', commit]) {
      expect((await fetchModelFrom(hub, reference(`org/name@${revision}`))).commit).toBe(commit);
    }
    const refs = join(cacheFolder, 'models--org--name', 'refs');
    expect(readFileSync(join(refs, 'refs', 'pr', '1'), 'utf8')).toBe(commit);
    expect(readdirSync(refs).sort()).toEqual(['refs', 'v1.0']);
  });

  it('reads a listing of many pages', async () => {
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`notes/${i}.txt`, '']));
    const { hub, standIn } = await openSite({ [MODEL]: { ...files, ...shardedModel() } }, { pageSize: 4 });
    const { path } = await fetchModelFrom(hub, reference('org/name'));
    expect(readdirSync(path).sort()).toEqual(SHARDED_MODEL_FILES);
    expect(standIn.requests.filter((request) => request.path.includes('/tree/')).length).toBe(11);
  });

  it('replaces a blob of the wrong size', async () => {
    const site = await openSite({ [MODEL]: shardedModel() });
    const { path } = await fetchModelFrom(site.hub, reference('org/name'));
    const shard = join(path, 'model-00001-of-00002.safetensors');
    truncateSync(realpathSync(shard), 10);
    await fetchModelFrom(site.hub, reference('org/name'));
    expect(readFileSync(shard)).toEqual(bytesOf(5000, 1));
    expect(lstatSync(shard).isSymbolicLink()).toBe(true);
  });
});

describe('fetchModel of a .gguf file', () => {
  const files = {
    'a-Q4_1.gguf': 'a',
    'b-00001-of-00003.gguf': 'b1',
    'b-00002-of-00003.gguf': 'b2',
    'b-00003-of-00003.gguf': 'b3',
    'Q8_0/c.gguf': 'c',
    'README.md': 'x',
  };

  it('fetches that file alone', async () => {
    const { hub } = await openSite({ [MODEL]: files });
    const { path, pinned, commit } = await fetchModelFrom(hub, reference('org/name/a-Q4_1.gguf'));
    expect(readFileSync(path, 'utf8')).toBe('a');
    expect(readdirSync(join(path, '..'))).toEqual(['a-Q4_1.gguf']);
    expect(pinned).toBe(`org/name/a-Q4_1.gguf@${commit}`);
  });

  it('fetches every part of a split one and returns the first, whichever part is named', async () => {
    const { hub } = await openSite({ [MODEL]: files });
    const { path } = await fetchModelFrom(hub, reference('org/name/b-00002-of-00003.gguf'));
    expect(path).toMatch(/b-00001-of-00003\.gguf$/);
    expect(readdirSync(join(path, '..')).length).toBe(3);
  });

  it('fetches one from a folder of the repository', async () => {
    const { hub } = await openSite({ [MODEL]: files });
    const { path } = await fetchModelFrom(hub, reference('org/name/Q8_0/c.gguf'));
    expect(readlinkSync(path)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
    expect(readFileSync(path, 'utf8')).toBe('c');
  });

  it('names the others when there is none of that name, and a part that is missing', async () => {
    const { hub } = await openSite({ [MODEL]: { ...files, 'd-00001-of-00002.gguf': '' } });
    const unknown = await hubError(fetchModelFrom(hub, reference('org/name/x.gguf')));
    expect(unknown.code).toBe('not-found');
    expect(unknown.message).toContain('Q8_0/c.gguf, a-Q4_1.gguf, b-00001-of-00003.gguf');
    const partial = await hubError(fetchModelFrom(hub, reference('org/name/d-00001-of-00002.gguf')));
    expect(partial.message).toContain('d-00002-of-00002.gguf');
  });
});

describe('a repository that cannot be used', () => {
  it('with .bin weights only is refused with the command that converts it', async () => {
    const { hub } = await openSite({ [MODEL]: { 'config.json': '{}', 'pytorch_model.bin': 'x' } });
    const error = await hubError(fetchModelFrom(hub, reference('org/name')));
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(
      /python -c "from transformers import .*'org\/name'.*save_pretrained\('name'\).*"/,
    );
  });

  it('with GGUF files only is refused with their names', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((name) => [`${name}.gguf`, ''] as const);
    const { hub } = await openSite({
      [MODEL]: { ...Object.fromEntries(names), 'x-00002-of-00002.gguf': '' },
    });
    const error = await hubError(fetchModelFrom(hub, reference('org/name')));
    expect(error.code).toBe('unsupported');
    expect(error.message).toContain('org/name/a.gguf');
    expect(error.message).toContain('a.gguf, b.gguf, c.gguf, d.gguf and 1 more');
  });

  it('without config.json, without weights, or empty, is refused with what is missing', async () => {
    const { hub } = await openSite({
      'models/org/weights': { 'model.safetensors': 'x' },
      'models/org/adapter': { 'config.json': '{}', 'adapter_model.safetensors': 'x' },
    });
    expect((await hubError(fetchModelFrom(hub, reference('org/weights')))).message).toContain(
      'no config.json',
    );
    expect((await hubError(fetchModelFrom(hub, reference('org/adapter')))).message).toContain(
      'adapter_model.safetensors',
    );
  });

  it('with an index that names a file which is not there is refused before any shard is fetched', async () => {
    const files = { ...shardedModel() };
    const { hub, standIn } = await openSite({
      [MODEL]: {
        ...files,
        'model.safetensors.index.json': JSON.stringify({ weight_map: { a: 'gone.safetensors' } }),
      },
    });
    const error = await hubError(fetchModelFrom(hub, reference('org/name')));
    expect(error.message).toContain('gone.safetensors');
    expect(standIn.requests.some((request) => request.host === 'cdn')).toBe(false);
  });
});
