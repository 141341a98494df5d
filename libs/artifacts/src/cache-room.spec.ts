import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256, writeModelFolder, type ModelFolder } from '../test/model-folder.ts';
import { ModelCache, type FetchEvent, type HeldModel } from './model-cache.ts';

describe('the room of the cache', () => {
  let folder: TemporaryFolder;
  let events: FetchEvent[];
  beforeEach(() => {
    folder = temporaryFolder();
    events = [];
  });
  afterEach(() => folder.remove());

  const cache = (limitBytes: number | null): ModelCache =>
    new ModelCache({ cacheFolder: join(folder.path, 'cache'), limitBytes });
  const model = (name: string, sizeBytes: number): ModelFolder =>
    writeModelFolder(join(folder.path, name), { 'model.safetensors': sizeBytes });
  const fetch = async (into: ModelCache, { fingerprint, serve }: ModelFolder): Promise<HeldModel> => {
    const store = await serve();
    try {
      return await into.fetch(fingerprint, store, {
        signal: new AbortController().signal,
        onEvent: (event) => events.push(event),
      });
    } finally {
      await store.close();
    }
  };
  /** As if it had been used last so many minutes ago. */
  const usedAgo = ({ fingerprint }: ModelFolder, minutes: number): void => {
    const time = new Date(Date.now() - minutes * 60_000);
    utimesSync(join(folder.path, 'cache/models', fingerprint.slice(7), 'model.json'), time, time);
  };
  const isCached = async ({ fingerprint }: ModelFolder): Promise<boolean> => {
    const found = await cache(null).find(fingerprint);
    await found?.release();
    return found !== null;
  };
  const evicted = (): string[] =>
    events.flatMap((event) => (event.kind === 'evicted' ? [event.fingerprint] : []));

  it('is made by the models that were not used for longest, as many as it takes', async () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => model(name, 3000));
    for (const one of [a, b, c]) await (await fetch(cache(10_000), one)).release();
    usedAgo(a, 1);
    usedAgo(b, 9);
    usedAgo(c, 5);
    await (await fetch(cache(10_000), d)).release();
    expect(evicted()).toEqual([b.fingerprint]);
    expect(await Promise.all([a, b, c, d].map(isCached))).toEqual([true, false, true, true]);
    const blobs = readdirSync(join(folder.path, 'cache/artifacts')).filter((name) => name.length === 64);
    expect(blobs).toHaveLength(3);
  });

  it('is not made by a model that is in use, however long it was', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => model(name, 4000));
    const held = await fetch(cache(10_000), a);
    await (await fetch(cache(10_000), b)).release();
    usedAgo(a, 99);
    const second = await fetch(cache(10_000), c);
    expect(evicted()).toEqual([b.fingerprint]);
    const error = await fetch(cache(10_000), b).catch((failure: unknown) => failure);
    expect(error).toMatchObject({
      code: 'does-not-fit',
      message: expect.stringMatching(
        /^the model has 4000 bytes, its cache .*artifacts may hold 10000, of which models in use take 8000: raise --cache-limit$/,
      ) as string,
    });
    await held.release();
    await (await fetch(cache(10_000), b)).release();
    expect(evicted()).toEqual([b.fingerprint, a.fingerprint]);
    await second.release();
  });

  it('is not counted on by two fetches at once', async () => {
    const [a, b] = ['a', 'b'].map((name) => model(name, 6000));
    const outcomes = await Promise.allSettled([fetch(cache(10_000), a), fetch(cache(10_000), b)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('does not suffice for a model that is larger than the limit, which leaves nothing behind', async () => {
    const large = model('large', 20_000);
    const small = model('small', 100);
    await (await fetch(cache(10_000), small)).release();
    await expect(fetch(cache(10_000), large)).rejects.toMatchObject({ code: 'does-not-fit' });
    await (await fetch(cache(10_000), small)).release();
    const left = readdirSync(join(folder.path, 'cache/artifacts')).filter((name) =>
      name.includes(sha256(large.bytes.get('model.safetensors')!)),
    );
    expect(left).toEqual([]);
  });

  it('holds a content once that two models have', async () => {
    const weights = randomBytes(6000);
    const [a, b] = ['a', 'b'].map((name) =>
      writeModelFolder(join(folder.path, name), { 'config.json': 100, 'model.safetensors': weights }),
    );
    await (await fetch(cache(7000), a)).release();
    await (await fetch(cache(7000), b)).release();
    expect(await Promise.all([a, b].map(isCached))).toEqual([true, true]);
    usedAgo(a, 5);
    await (await fetch(cache(7000), model('c', 850))).release();
    expect(evicted()).toEqual([a.fingerprint]);
    expect(await isCached(b)).toBe(true);
  });

  it('removes what belongs to no model, and nothing that is not its own', async () => {
    const a = model('a', 1000);
    await (await fetch(cache(null), a)).release();
    const artifacts = join(folder.path, 'cache/artifacts');
    const stray = join(artifacts, 'f'.repeat(64));
    writeFileSync(stray, 'left by a damaged list');
    writeFileSync(`${stray}.incomplete`, 'left');
    writeFileSync(join(artifacts, 'notes.txt'), "the user's");
    symlinkSync('/etc', join(folder.path, 'cache/models', 'e'.repeat(64)));
    await (await fetch(cache(null), model('b', 1000))).release();
    expect([existsSync(stray), existsSync(`${stray}.incomplete`)]).toEqual([false, false]);
    expect(existsSync(join(artifacts, 'notes.txt'))).toBe(true);
    expect(existsSync('/etc/passwd')).toBe(true);
  });
});
