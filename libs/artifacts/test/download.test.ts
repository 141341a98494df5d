import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArtifactError, ModelCache, type ArtifactStore, type FetchEvent } from '../src/index.ts';
import { LyingSource } from './lying-source.ts';
import { CHUNK_BYTES, sha256, writeModelFolder, type ModelFolder } from './model-folder.ts';

const WAITS = { firstMs: 1, longestMs: 5 };

describe('a model that is fetched', () => {
  let folder: TemporaryFolder;
  let model: ModelFolder;
  let store: ArtifactStore;
  let cache: ModelCache;
  let events: FetchEvent[];

  beforeEach(async () => {
    folder = temporaryFolder();
    model = writeModelFolder(join(folder.path, 'model'), {
      'config.json': 300,
      'model.safetensors': 10 * CHUNK_BYTES + 17,
    });
    store = await model.serve();
    cache = new ModelCache({ cacheFolder: join(folder.path, 'cache'), limitBytes: null });
    events = [];
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  const weights = (): Buffer => model.bytes.get('model.safetensors')!;
  const blob = (suffix = ''): string => join(folder.path, 'cache/artifacts', `${sha256(weights())}${suffix}`);
  const fetch = (source: LyingSource, options: { signal?: AbortSignal; recheck?: boolean } = {}) =>
    cache.fetch(model.fingerprint, source, {
      signal: new AbortController().signal,
      waits: WAITS,
      onEvent: (event) => events.push(event),
      ...options,
    });
  const troubles = (): string[] =>
    events.flatMap((event) => (event.kind === 'trouble' ? [event.reason] : []));

  it('arrives whole, under the names of its files, in one folder', async () => {
    const source = new LyingSource(store);
    const { path, release } = await fetch(source);
    for (const [name, bytes] of model.bytes) expect(readFileSync(join(path, name)).equals(bytes)).toBe(true);
    expect(readdirSync(path).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(events.at(-1)).toEqual({
      kind: 'bytes',
      doneBytes: 10_557,
      totalBytes: 10_557,
      fetchedBytes: 10_557,
    });
    expect(source.servedBytes).toBe(10_557);
    const found = await cache.find(model.fingerprint);
    expect(found?.path).toBe(path);
    await found?.release();
    await release();
  });

  it('is opened by the file that is its entry', async () => {
    const source = new LyingSource(store, {
      manifest: (manifest) => ({ ...manifest, entry: 'model.safetensors' }),
    });
    const { path, release } = await fetch(source);
    expect(readFileSync(path).equals(weights())).toBe(true);
    await release();
    const found = await cache.find(model.fingerprint);
    expect(found?.path).toBe(path);
    await found?.release();
  });

  it('is not fetched again while it is there', async () => {
    await (await fetch(new LyingSource(store))).release();
    const again = new LyingSource(store);
    await (await fetch(again)).release();
    expect(again.servedBytes).toBe(0);
  });

  it('goes on where it was cut off, and reads what is there before it trusts it', async () => {
    const gone = new AbortController();
    const cut = new LyingSource(store, {
      data: (bytes, offset) => {
        if (offset > 0 || bytes.length < CHUNK_BYTES) return bytes;
        gone.abort(new Error('the connection is lost'));
        return bytes.subarray(0, 6 * CHUNK_BYTES + 5);
      },
    });
    await expect(fetch(cut, { signal: gone.signal })).rejects.toThrow();
    expect(existsSync(blob())).toBe(false);
    const part = readFileSync(blob('.incomplete'));
    expect(part.equals(weights().subarray(0, 6 * CHUNK_BYTES))).toBe(true);

    part[2 * CHUNK_BYTES] ^= 1;
    writeFileSync(blob('.incomplete'), part);
    const rest = new LyingSource(store);
    const { release } = await fetch(rest);
    expect(readFileSync(blob()).equals(weights())).toBe(true);
    expect(rest.fetches.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [2 * CHUNK_BYTES, CHUNK_BYTES],
      [6 * CHUNK_BYTES, 4 * CHUNK_BYTES + 17],
    ]);
    await release();
  });

  it('has a damaged chunk fetched again, that one only', async () => {
    let damages = 0;
    const source = new LyingSource(store, {
      data: (bytes, offset) => {
        const at = 4 * CHUNK_BYTES - offset;
        if (bytes.length > at && at >= 0 && damages++ < 2) bytes[at] ^= 0x80;
        return bytes;
      },
    });
    const { release } = await fetch(source);
    expect(readFileSync(blob()).equals(weights())).toBe(true);
    expect(troubles()).toEqual([
      expect.stringMatching(/^model.safetensors: chunk 4 \(1024 bytes from 4096\) arrived damaged/),
      expect.stringMatching(/chunk 4/),
    ]);
    expect(source.fetches.slice(2).map(({ offsetBytes }) => offsetBytes)).toEqual([4096, 4096]);
    await release();
  });

  it('is given up, naming file and chunk, when the same chunk is damaged every time', async () => {
    const source = new LyingSource(store, {
      data: (bytes, offset) => {
        const at = 3 * CHUNK_BYTES - offset;
        if (at < bytes.length) bytes[at] ^= 1;
        return bytes;
      },
    });
    await expect(fetch(source)).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(
        /^model.safetensors: chunk 3 \(1024 bytes from 3072\) arrived damaged 5 times: check/,
      ) as string,
    });
    expect(readFileSync(blob('.incomplete')).equals(weights().subarray(0, 3 * CHUNK_BYTES))).toBe(true);
  });

  it('has a stream that brings more than was asked for count as damaged', async () => {
    let lies = 0;
    const source = new LyingSource(store, {
      data: (bytes, _, { lengthBytes }) =>
        lengthBytes > 1000 && lies++ === 0 ? Buffer.concat([bytes, Buffer.from('and more')]) : bytes,
    });
    const { release } = await fetch(source);
    expect(readFileSync(blob()).equals(weights())).toBe(true);
    expect(troubles()).toHaveLength(1);
    await release();
  });

  it('waits for a source that is away, and goes on with what it has', async () => {
    let tries = 0;
    const source = new LyingSource(store, {
      data: (bytes) => {
        if (bytes.length < CHUNK_BYTES) return bytes;
        if (tries++ < 4) throw new ArtifactError('unavailable', 'connection refused');
        return bytes.subarray(0, 2 * CHUNK_BYTES);
      },
    });
    const { release } = await fetch(source);
    expect(readFileSync(blob()).equals(weights())).toBe(true);
    expect(troubles().filter((reason) => reason === 'connection refused')).toHaveLength(4);
    expect(troubles()).toContain('the stream ended early');
    await release();
  });

  it.each([
    ['another whole', (hash: string) => hash.replace(/^../, 'ff')],
    ['the name of another content', () => sha256(Buffer.from('the weights of another model'))],
  ])('does not get into the cache under %s', async (_, changed) => {
    const source = new LyingSource(store, {
      manifest: (manifest) => ({
        ...manifest,
        files: manifest.files.map((file) => ({ ...file, sha256: changed(file.sha256) })),
      }),
    });
    // Serves the content under the name that the lie gives it.
    const truth = new Map([...model.bytes.values()].map((bytes) => [changed(sha256(bytes)), sha256(bytes)]));
    const inner = source.fetch.bind(source);
    source.fetch = (request, signal) => inner({ ...request, sha256: truth.get(request.sha256)! }, signal);
    await expect(fetch(source)).rejects.toMatchObject({ code: 'damaged' });
    expect(
      readdirSync(join(folder.path, 'cache/artifacts')).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    ).toEqual([]);
  });

  it.each(['../../escaped', '/tmp/escaped', '..', 'a/../../../escaped', '.hidden'])(
    'gives no file the name %s',
    async (name) => {
      const source = new LyingSource(store, {
        manifest: ({ files: [first], ...manifest }) => ({ ...manifest, files: [{ ...first, name }] }),
      });
      await expect(fetch(source)).rejects.toMatchObject({ code: 'damaged' });
      expect(source.fetches).toEqual([]);
      expect(readdirSync(folder.path).sort()).toEqual(['cache', 'model', 'of-coordinator']);
    },
  );

  it('is repaired where its copy was damaged: a chunk is fetched, not the file', async () => {
    const { path, release } = await fetch(new LyingSource(store));
    const damaged = Buffer.from(weights());
    damaged[5 * CHUNK_BYTES + 1] ^= 1;
    writeFileSync(blob(), damaged);
    const source = new LyingSource(store);
    const repaired = await fetch(source, { recheck: true });
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights())).toBe(true);
    expect(source.servedBytes).toBe(CHUNK_BYTES);
    await repaired.release();
    await release();
  });

  it('is fetched again where a file is shorter than it was', async () => {
    await (await fetch(new LyingSource(store))).release();
    writeFileSync(blob(), weights().subarray(0, 100));
    expect(await cache.find(model.fingerprint)).toBeNull();
    await (await fetch(new LyingSource(store))).release();
    expect(readFileSync(blob()).equals(weights())).toBe(true);
  });

  it('refuses a fingerprint that is none, before anything is asked', async () => {
    const source = new LyingSource(store);
    const options = { signal: new AbortController().signal, onEvent: () => undefined };
    await expect(cache.fetch('sha256:../../x', source, options)).rejects.toMatchObject({ code: 'refused' });
    expect(source.fetches).toEqual([]);
  });
});
