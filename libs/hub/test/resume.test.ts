import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, symlinkSync, mkdirSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { waitFor } from '@blockpruner/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchModelFrom } from '../src/fetch-model.ts';
import { parseModelReference } from '../src/reference.ts';
import { bytesOf, closeSites, hubError, openSite, type Site } from './hub-site.ts';

afterEach(closeSites);

const SIZE = 3_000_000;
const HALF = 1_500_000;
const WEIGHTS = bytesOf(SIZE);
const HASH = createHash('sha256').update(WEIGHTS).digest('hex');
const model = { 'config.json': '{}', 'tokenizer.json': '[]', 'model.safetensors': WEIGHTS };
const SMALL_BYTES = 4;
const reference = parseModelReference('org/name')!;
const AT_WEIGHTS = 'cdn /';

const open = () => openSite({ 'models/org/name': model });
const blobsOf = (site: Site) => join(site.cacheFolder, 'models--org--name', 'blobs');

function expectWhole(site: Site, path: string): void {
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  expect(readdirSync(blobsOf(site)).filter((name) => name.includes('.'))).toEqual([]);
}

const ranges = (site: Site) =>
  site.standIn.requests.filter(({ host }) => host === 'cdn').map(({ range }) => range ?? 'whole');

describe('a download', () => {
  it('goes on by itself after a dropped connection, from the byte where it was', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: HALF });
    const { path } = await fetchModelFrom(site.hub, reference);
    expectWhole(site, path);
    const [first, second, ...rest] = ranges(site);
    expect({ first, rest }).toEqual({ first: 'whole', rest: [] });
    const resumedAt = Number(/^bytes=(\d+)-$/.exec(second)?.[1]);
    expect(resumedAt).toBeGreaterThan(0);
    expect(site.standIn.sentBytes).toBe(SMALL_BYTES + HALF + SIZE - resumedAt);
  });

  it('starts again when the server does not honour Range', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: HALF });
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'ignore-range' });
    const { path } = await fetchModelFrom(site.hub, reference);
    expectWhole(site, path);
    expect(site.standIn.sentBytes).toBe(SMALL_BYTES + HALF + SIZE);
  });

  it('takes a stalled connection for a dropped one', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'stall', afterBytes: HALF });
    const { path } = await fetchModelFrom(site.hub, reference);
    expectWhole(site, path);
    expect(ranges(site)[1]).toMatch(/^bytes=\d+-$/);
  });

  it('gives up after some failures in a row, and a later one goes on from its bytes', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: HALF });
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: 0, times: 2 });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('network');
    expect(error.message).toContain('org/name@main');
    expect(readdirSync(blobsOf(site))).toContain(`${HASH}.incomplete`);
    expect(existsSync(join(blobsOf(site), HASH))).toBe(false);
    const before = site.standIn.sentBytes;
    const { path } = await fetchModelFrom(site.hub, reference);
    expectWhole(site, path);
    expect(site.standIn.sentBytes - before).toBeLessThan(SIZE);
  });

  it('gives up on a server that sends the same bytes again and again', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: HALF, ignoresRange: true, times: 50 });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('network');
    expect(ranges(site).length).toBe(site.hub.patience.attempts);
  });

  it('does not give up on a server that closes each connection after a while', async () => {
    const site = await openSite({ 'models/org/name': { ...model, 'model.safetensors': bytesOf(8_000_000) } });
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: 1_500_000, times: 5 });
    const { path } = await fetchModelFrom(site.hub, reference);
    expect(readFileSync(join(path, 'model.safetensors')).equals(bytesOf(8_000_000))).toBe(true);
    expect(ranges(site).length).toBe(6);
  });

  it.each([429, 500, 503])('tries again after %d', async (status) => {
    const site = await open();
    for (const at of ['/revision/main', '/tree/', '/config.json', AT_WEIGHTS]) {
      site.standIn.fault({ at, kind: 'status', status, headers: { 'retry-after': '0' } });
    }
    expectWhole(site, (await fetchModelFrom(site.hub, reference)).path);
  });

  it('goes on from the partial file of an earlier version of the Python client', async () => {
    const site = await open();
    mkdirSync(blobsOf(site), { recursive: true });
    writeFileSync(join(blobsOf(site), `${HASH}.incomplete`), WEIGHTS.subarray(0, HALF));
    expectWhole(site, (await fetchModelFrom(site.hub, reference)).path);
    expect(ranges(site)).toEqual([`bytes=${HALF}-`]);
  });

  it('discards a partial file that is not the start of the blob, or longer than it', async () => {
    for (const wrong of [bytesOf(HALF, 9), bytesOf(SIZE, 9), bytesOf(SIZE + 1, 9)]) {
      const site = await open();
      mkdirSync(blobsOf(site), { recursive: true });
      writeFileSync(join(blobsOf(site), `${HASH}.incomplete`), wrong);
      expectWhole(site, (await fetchModelFrom(site.hub, reference)).path);
    }
  });
});

describe('two downloads of one blob', () => {
  it('both end well in one process', async () => {
    const site = await open();
    const both = await Promise.all([
      fetchModelFrom(site.hub, reference),
      fetchModelFrom(site.hub, reference),
    ]);
    expect(both[0]).toEqual(both[1]);
    expectWhole(site, both[0].path);
  });

  it('both end well in two processes, of which one stalls for a while', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'stall', afterBytes: HALF });
    const other = startFetch(site);
    await waitFor(() => site.standIn.sentBytes >= HALF, { timeoutMs: 20_000 });
    expectWholeWeights((await fetchModelFrom(site.hub, reference)).path);
    const [code] = (await once(other, 'exit')) as [number];
    expect(code).toBe(0);
    expect(readdirSync(blobsOf(site)).filter((name) => name.includes('.'))).toEqual([]);
  });

  it('after kill -9 of a process, the next one goes on from its bytes', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'stall', afterBytes: HALF });
    const other = startFetch(site, 60_000);
    const written = () =>
      readdirSync(blobsOf(site)).some(
        (name) => name.startsWith(HASH) && readFileSync(join(blobsOf(site), name)).length === HALF,
      );
    await waitFor(() => existsSync(blobsOf(site)) && written(), { timeoutMs: 20_000 });
    other.kill('SIGKILL');
    await once(other, 'exit');
    expectWhole(site, (await fetchModelFrom(site.hub, reference)).path);
    expect(ranges(site)).toEqual(['whole', `bytes=${HALF}-`]);
  });
});

function expectWholeWeights(path: string): void {
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
}

function startFetch(site: Site, idleMs = 1000) {
  const source = `
    import { fetchModelFrom } from ${JSON.stringify(new URL('../src/fetch-model.ts', import.meta.url).href)};
    const hub = ${JSON.stringify(site.hubWith({}, { idleMs }))};
    await fetchModelFrom(hub, ${JSON.stringify(reference)});`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: 'inherit' });
}

describe('the disk', () => {
  it('that is full in the middle of a download ends it with a typed error', async () => {
    const site = await open();
    mkdirSync(blobsOf(site), { recursive: true });
    symlinkSync('/dev/full', join(blobsOf(site), `${HASH}.incomplete`));
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('disk-full');
    expect(error.message).toContain('HF_HUB_CACHE');
  });

  it('that lacks room for all files is told before the first one', async () => {
    const site = await open();
    const entries = [
      { type: 'file', path: 'config.json', oid: 'a'.repeat(40), size: 2 },
      {
        type: 'file',
        path: 'model.safetensors.index.json',
        oid: createHash('sha1').update(`blob ${INDEX.length}\0${INDEX}`).digest('hex'),
        size: INDEX.length,
      },
      ...SHARDS.map((path, i) => ({
        type: 'file',
        path,
        oid: 'a'.repeat(40),
        size: 9,
        lfs: { oid: String(i).padStart(64, '0'), size: 49e9, pointerSize: 9 },
      })),
    ];
    site.write('models/org/name', { 'model.safetensors.index.json': INDEX });
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: JSON.stringify(entries) });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('disk-full');
    expect(error.message).toMatch(/\d+ bytes are needed, \d+ are free/);
    expect(ranges(site)).toEqual([]);
  });

  it('whose cache folder cannot be written to is named', async () => {
    const site = await open();
    writeFileSync(site.cacheFolder, 'a file in its place');
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('cache');
    expect(error.message).toContain(site.cacheFolder);
  });
});

const SHARDS = Array.from({ length: 1000 }, (_, i) => `model-${i}.safetensors`);
const INDEX = JSON.stringify({ weight_map: Object.fromEntries(SHARDS.map((name, i) => [`t${i}`, name])) });
