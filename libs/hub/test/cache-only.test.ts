import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchDatasetFrom } from '../src/fetch-dataset.ts';
import { fetchModelFrom } from '../src/fetch-model.ts';
import { parseDatasetReference, parseModelReference } from '../src/reference.ts';
import { closeSites, hubError, openSite, shardedModel, type Site } from './hub-site.ts';

afterEach(closeSites);

const MODEL = 'models/org/name';
const DATASET = 'datasets/org/name';
const splits = { 'train-a.jsonl': '{}', 'train-b.jsonl': '[]', 'test.jsonl': '1' };
const model = (text = 'org/name') => parseModelReference(text)!;
const dataset = (text = 'hf:org/name') => parseDatasetReference(text)!;

const open = () => openSite({ [MODEL]: shardedModel(), [DATASET]: splits });
const inModel = (site: Site, ...path: string[]) => join(site.cacheFolder, 'models--org--name', ...path);
const SHARD = 'model-00002-of-00002.safetensors';

describe('offline', () => {
  it('a fetched model and dataset come from the cache, without a request', async () => {
    const site = await open();
    const offline = site.hubWith({ offline: true });
    const online = [await fetchModelFrom(site.hub, model()), await fetchDatasetFrom(site.hub, dataset())];
    const requests = site.standIn.requests.length;
    expect([await fetchModelFrom(offline, model()), await fetchDatasetFrom(offline, dataset())]).toEqual(
      online,
    );
    expect((await fetchModelFrom(offline, model(`org/name@${online[0].commit}`))).commit).toBe(
      online[0].commit,
    );
    expect(site.standIn.requests.length).toBe(requests);
  });

  it('what was never fetched is named, with the way out', async () => {
    const site = await open();
    const error = await hubError(fetchModelFrom(site.hubWith({ offline: true }), model('org/name@v2')));
    expect(error.code).toBe('offline');
    expect(error.message).toMatch(/org\/name@v2.*never fetched.*HF_HUB_OFFLINE.*run once without it/);
    expect(site.standIn.requests).toEqual([]);
  });

  it.each([SHARD, 'config.json', 'tokenizer.json', 'model.safetensors.index.json'])(
    'a model that lacks %s is refused with its name',
    async (file) => {
      const site = await open();
      const { path } = await fetchModelFrom(site.hub, model());
      rmSync(join(path, file));
      const error = await hubError(fetchModelFrom(site.hubWith({ offline: true }), model()));
      expect(error.code).toBe('offline');
      expect(error.message).toContain(`${file} is missing`);
    },
  );

  it('a file of the wrong size counts as missing', async () => {
    const site = await open();
    const { path } = await fetchModelFrom(site.hub, model());
    rmSync(join(path, SHARD));
    writeFileSync(join(path, SHARD), 'short');
    expect((await hubError(fetchModelFrom(site.hubWith({ offline: true }), model()))).message).toContain(
      SHARD,
    );
  });

  it('a split that lacks a file is refused, also where its names do not tell', async () => {
    const site = await open();
    const { files } = await fetchDatasetFrom(site.hub, dataset());
    rmSync(files[1]);
    const offline = site.hubWith({ offline: true });
    expect((await hubError(fetchDatasetFrom(offline, dataset()))).message).toContain(
      'train-b.jsonl is missing',
    );
    expect((await hubError(fetchDatasetFrom(offline, dataset('hf:org/name:test')))).message).toContain(
      'test.jsonl',
    );
  });

  it('a cache without any listing is used as far as its own files tell, and a dataset only with a note', async () => {
    const site = await open();
    await fetchModelFrom(site.hub, model());
    await fetchDatasetFrom(site.hub, dataset());
    for (const kind of ['models', 'datasets']) {
      rmSync(join(site.cacheFolder, `${kind}--org--name`, 'listings'), { recursive: true });
    }
    const offline = site.hubWith({ offline: true });
    expect((await fetchModelFrom(offline, model())).note).toBeNull();
    expect((await fetchDatasetFrom(offline, dataset())).note).toContain('whether all its files are there');
    rmSync(inModel(site, 'snapshots', site.standIn.commitOf(MODEL), SHARD));
    expect((await hubError(fetchModelFrom(offline, model()))).message).toContain(SHARD);
  });

  it('shards that count themselves are missed even without a listing', async () => {
    const shards = { 'data/train-00000-of-00002.txt': 'a', 'data/train-00001-of-00002.txt': 'b' };
    const site = await openSite({ [DATASET]: shards, [MODEL]: shardedModel() });
    const { files } = await fetchDatasetFrom(site.hub, dataset());
    await fetchModelFrom(site.hub, model());
    for (const kind of ['models', 'datasets']) {
      rmSync(join(site.cacheFolder, `${kind}--org--name`, 'listings'), { recursive: true });
    }
    const offline = site.hubWith({ offline: true });
    expect((await fetchModelFrom(offline, model())).note).toBeNull();
    expect((await fetchDatasetFrom(offline, dataset())).files).toEqual(files);
    rmSync(files[1]);
    expect((await hubError(fetchDatasetFrom(offline, dataset()))).message).toContain('data/train-*-of-00002');
  });

  it.each([
    'nonsense',
    '{}',
    '{"format_version": 2, "files": {}}',
    '{"format_version": 1, "files": {"../x": {}}}',
    'null',
  ])('a listing in the cache that reads %s counts as none', async (text) => {
    const site = await open();
    const { commit } = await fetchModelFrom(site.hub, model());
    writeFileSync(inModel(site, 'listings', `${commit}.json`), text);
    expect((await fetchModelFrom(site.hubWith({ offline: true }), model())).commit).toBe(commit);
  });

  it('a ref that is no commit leads nowhere', async () => {
    const site = await open();
    mkdirSync(inModel(site, 'refs'), { recursive: true });
    writeFileSync(inModel(site, 'refs', 'main'), '../../../evil');
    expect((await hubError(fetchModelFrom(site.hubWith({ offline: true }), model()))).code).toBe('offline');
  });
});

describe('online', () => {
  it('a commit that is whole in the cache needs no network', async () => {
    const site = await open();
    const { commit, path } = await fetchModelFrom(site.hub, model());
    const requests = site.standIn.requests.length;
    expect((await fetchModelFrom(site.hub, model(`org/name@${commit}`))).path).toBe(path);
    expect(site.standIn.requests.length).toBe(requests);
    rmSync(join(path, SHARD));
    await fetchModelFrom(site.hub, model(`org/name@${commit}`));
    expect(readdirSync(path)).toContain(SHARD);
    expect(site.standIn.requests.length).toBeGreaterThan(requests);
  });

  it('a branch comes from the cache, with a note, when the hub cannot be reached', async () => {
    const site = await open();
    const before = await fetchModelFrom(site.hub, model());
    await site.standIn.close();
    const after = await fetchModelFrom(site.hub, model());
    expect(after).toEqual({ ...before, note: after.note });
    expect(after.note).toMatch(
      /org\/name@main: taken from the cache, commit [0-9a-f]{12}: .* cannot be reached/,
    );
  });

  it.each([500, 503])('a branch comes from the cache when the hub answers %d', async (status) => {
    const site = await open();
    const { commit } = await fetchModelFrom(site.hub, model());
    site.standIn.fault({ at: '/api/', kind: 'status', status, times: Infinity });
    expect((await fetchModelFrom(site.hub, model())).commit).toBe(commit);
  });

  it('a repository that was taken back is an error, although it is in the cache', async () => {
    const site = await open();
    await fetchModelFrom(site.hub, model());
    site.standIn.fault({
      at: '/api/',
      kind: 'status',
      status: 404,
      headers: { 'x-error-code': 'RepoNotFound' },
    });
    expect((await hubError(fetchModelFrom(site.hub, model()))).code).toBe('not-found');
  });

  it('an unreachable hub and no copy is an error that names the way out', async () => {
    const site = await open();
    await site.standIn.close();
    const error = await hubError(fetchModelFrom(site.hub, model()));
    expect(error.code).toBe('network');
    expect(error.message).toMatch(/ECONNREFUSED.*3 times.*HF_ENDPOINT/);
  });

  it('a stalled hub is an error, not a hang', async () => {
    const site = await open();
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const hub = site.hubWith({ endpoint: `http://127.0.0.1:${port}` });
    expect((await hubError(fetchModelFrom(hub, model()))).message).toContain('sends nothing for 0.3 s');
    silent.close();
  });
});

describe('a dataset', () => {
  it('gives the files of a split in order, and the same ones by its pinned name', async () => {
    const site = await open();
    const { files, pinned, commit } = await fetchDatasetFrom(site.hub, dataset());
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(['{}', '[]']);
    expect(pinned).toBe(`hf:org/name@${commit}:train`);
    site.write(DATASET, { 'train-c.jsonl': '3' });
    expect((await fetchDatasetFrom(site.hub, dataset(pinned))).files).toEqual(files);
    expect((await fetchDatasetFrom(site.hub, dataset())).files.length).toBe(3);
  });

  it('names the splits that it has when it lacks the one that is asked for', async () => {
    const site = await open();
    const error = await hubError(fetchDatasetFrom(site.hub, dataset('hf:org/name:validation')));
    expect(error.code).toBe('not-found');
    expect(error.message).toContain('only train, test');
  });
});
