import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchDatasetFrom } from '../src/fetch-dataset.ts';
import { fetchModelFrom } from '../src/fetch-model.ts';
import { MAX_LISTED_FILES, MAX_LISTING_PAGES } from '../src/limits.ts';
import { parseDatasetReference, parseModelReference } from '../src/reference.ts';
import { bytesOf, closeSites, hubError, openSite, type Site } from './hub-site.ts';

afterEach(closeSites);

const WEIGHTS = bytesOf(100_000);
const HASH = createHash('sha256').update(WEIGHTS).digest('hex');
const model = { 'config.json': '{}', 'tokenizer.json': '[]', 'model.safetensors': WEIGHTS };
const gitHash = (text: string) => createHash('sha1').update(`blob ${text.length}\0${text}`).digest('hex');
const reference = parseModelReference('org/name')!;
const dataset = parseDatasetReference('hf:org/name')!;
const AT_WEIGHTS = 'cdn /';

const open = () => openSite({ 'models/org/name': model, 'datasets/org/name': { 'a.txt': 'text' } });

function blobNames(site: Site): string[] {
  const blobs = join(site.cacheFolder, 'models--org--name', 'blobs');
  return existsSync(blobs) ? readdirSync(blobs) : [];
}

/** Nothing beside the cache, and no snapshot, ref or weights in it. */
function expectNothingKept(site: Site): void {
  expect(readdirSync(dirname(site.cacheFolder)).sort()).toEqual(
    existsSync(site.cacheFolder) ? ['cache', 'hub'] : ['hub'],
  );
  for (const folder of ['snapshots', 'refs']) {
    expect(existsSync(join(site.cacheFolder, 'models--org--name', folder))).toBe(false);
  }
  expect(blobNames(site).filter((name) => name.startsWith(HASH))).toEqual([]);
}

describe('a listing', () => {
  const entry = (path: unknown) => ({ type: 'file', path, oid: 'a'.repeat(40), size: 1 });

  it.each([
    '../evil',
    'a/../../evil',
    '/etc/passwd',
    'C:\\evil',
    'a\\..\\evil',
    '..',
    '.',
    '',
    'a//b',
    'a/./b',
    'nul\0.txt',
    'line\nbreak.txt',
    'x'.repeat(300),
    'x/'.repeat(600),
    7,
    null,
    { toString: 1 },
  ])('with the name %j is refused whole', async (path) => {
    const site = await open();
    for (const fetching of [
      () => fetchModelFrom(site.hub, reference),
      () => fetchDatasetFrom(site.hub, dataset),
    ]) {
      site.standIn.fault({
        at: '/tree/',
        kind: 'reply',
        body: JSON.stringify([entry('a.txt'), entry(path)]),
      });
      const error = await hubError(fetching());
      expect(error.code).toBe('damaged');
      expect(error.message).toContain('no relative path');
    }
    expectNothingKept(site);
  });

  it.each([
    ['not JSON', '<html>'],
    ['an object', '{}'],
    ['a number', '7'],
    ['null', 'null'],
    ['an empty reply', ''],
    ['deep brackets', '['.repeat(500_000)],
    ['no size', '[{"type":"file","path":"config.json","oid":"' + 'a'.repeat(40) + '"}]'],
    ['a negative size', '[{"type":"file","path":"a","size":-1,"oid":"' + 'a'.repeat(40) + '"}]'],
    ['a fractional size', '[{"type":"file","path":"a","size":1.5,"oid":"' + 'a'.repeat(40) + '"}]'],
    ['a size beyond all numbers', '[{"type":"file","path":"a","size":1e999,"oid":"' + 'a'.repeat(40) + '"}]'],
    ['a path for a hash', '[{"type":"file","path":"a","size":1,"oid":"../../evil"}]'],
    ['an LFS entry without a hash', '[{"type":"file","path":"a","size":1,"lfs":{"size":1}}]'],
    ['an LFS entry that is a word', '[{"type":"file","path":"a","size":1,"lfs":"yes"}]'],
  ])('of %s is refused', async (_, body) => {
    const site = await open();
    site.standIn.fault({ at: '/tree/', kind: 'reply', body });
    expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('damaged');
    expectNothingKept(site);
  });

  it('of entries that are no objects holds no files', async () => {
    const site = await open();
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: '[null, 1, "x", [], {"type":"folder"}]' });
    expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('unsupported');
  });

  it('that is too large, or never ends, is refused', async () => {
    const site = await open();
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: `["${'x'.repeat(9 * 2 ** 20)}"]` });
    expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('limit');
    site.standIn.fault({ at: '/tree/', kind: 'endless' });
    expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('limit');
    expectNothingKept(site);
  });

  it('of more files than a repository may have is refused', async () => {
    const site = await open();
    const page = JSON.stringify(Array.from({ length: 40_000 }, (_, i) => ({ ...entry(`f${i}`) })));
    const link = `<${site.standIn.endpoint}/api/models/org/name/tree/x>; rel="next"`;
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: page, headers: { link }, times: 10 });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('limit');
    expect(error.message).toContain(String(MAX_LISTED_FILES));
  });

  it('of empty pages without end is refused', async () => {
    const site = await open();
    const link = `<${site.standIn.endpoint}/api/models/org/name/tree/x>; rel="next"`;
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: '[]', headers: { link }, times: Infinity });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.message).toContain(String(MAX_LISTING_PAGES));
  }, 30_000);

  it('whose next page is no web address is refused', async () => {
    const site = await open();
    const link = '<https://[/>; rel="next"';
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: '[]', headers: { link } });
    expect((await hubError(fetchModelFrom(site.hub, reference))).message).toContain('no web address');
  });

  it('that comes byte by byte for ever ends after the time for a reply', async () => {
    const site = await open();
    const hub = site.hubWith({}, { replyMs: 900, attempts: 1 });
    site.standIn.fault({ at: '/tree/', kind: 'endless', everyMs: 20 });
    expect((await hubError(fetchModelFrom(hub, reference))).code).toBe('network');
  });
});

describe('a revision', () => {
  it.each(['{}', '{"sha": 7}', '{"sha": "../../../evil"}', '{"sha": "main"}', 'null', '[]', '<html>'])(
    'that is answered with %s is refused',
    async (body) => {
      const site = await open();
      site.standIn.fault({ at: '/revision/', kind: 'reply', body });
      expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('damaged');
      expectNothingKept(site);
    },
  );
});

describe('an index', () => {
  it.each([
    '{"weight_map": {"a": "../../evil.safetensors"}}',
    '{"weight_map": {"a": "/etc/x.safetensors"}}',
    '{"weight_map": {"a": 7}}',
    '{"weight_map": {}}',
    '{"weight_map": "x"}',
    '{"weight_map": null}',
    'null',
    'nonsense',
    JSON.stringify({
      weight_map: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, `${i}.safetensors`])),
    }),
  ])('like %.60s is refused', async (index) => {
    const site = await openSite({
      'models/org/name': { 'config.json': '{}', 'model.safetensors.index.json': index },
    });
    expect((await hubError(fetchModelFrom(site.hub, reference))).code).toBe('damaged');
    expectNothingKept(site);
  });
});

describe('a file', () => {
  it.each([
    ['other bytes of the same size', bytesOf(100_000, 5)],
    ['too few bytes', WEIGHTS.subarray(0, 99_999)],
    ['too many bytes', Buffer.concat([WEIGHTS, WEIGHTS])],
    ['no bytes', Buffer.alloc(0)],
  ])('of %s is refused and removed', async (_, body) => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'reply', body, times: Infinity });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('model.safetensors');
    expectNothingKept(site);
  });

  it('that is a git blob is verified too', async () => {
    const site = await open();
    site.standIn.fault({ at: '/config.json', kind: 'reply', body: '[]' });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('config.json');
    expect(blobNames(site).filter((name) => name.startsWith(gitHash('{}')))).toEqual([]);
  });

  it('without end is refused', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'endless' });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('longer than the 100000 bytes');
    expectNothingKept(site);
  });

  it('that is announced as another than the listed one is refused', async () => {
    const site = await open();
    const headers = { etag: `"${'b'.repeat(40)}"` };
    site.standIn.fault({ at: '/config.json', kind: 'reply', body: '{}', headers });
    expect((await hubError(fetchModelFrom(site.hub, reference))).message).toContain('announced');
  });

  it('that continues at another place than asked for is refused', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: 50_000 });
    const headers = { 'content-range': 'bytes 0-99999/100000', 'content-length': '0' };
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'status', status: 206, headers });
    expect((await hubError(fetchModelFrom(site.hub, reference))).message).toContain('not from 50000');
    expectNothingKept(site);
  });

  it('whose start is refused as beyond its end is fetched again from the start', async () => {
    const site = await open();
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'cut', afterBytes: 50_000 });
    site.standIn.fault({ at: AT_WEIGHTS, kind: 'status', status: 416 });
    await fetchModelFrom(site.hub, reference);
    expect(blobNames(site)).toContain(HASH);
  });

  it('larger than plain HTTP carries is refused with the command that fetches it', async () => {
    const site = await open();
    const lfs = { oid: 'a'.repeat(64), size: 51e9, pointerSize: 1 };
    const entries = ['config.json', 'model.safetensors'].map((path) => ({
      type: 'file',
      path,
      size: 1,
      lfs,
    }));
    site.standIn.fault({ at: '/tree/', kind: 'reply', body: JSON.stringify(entries) });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('unsupported');
    expect(error.message).toContain('hf download org/name --repo-type model');
  });
});

describe('a redirect', () => {
  it.each([
    ['in a circle', '/org/name/resolve/main/config.json'],
    ['to a file', 'file:///etc/passwd'],
    ['to a script', 'javascript:1'],
    ['with a password', 'http://user:pass@127.0.0.1/'],
    ['to nowhere', 'http://'],
  ])('%s ends with an error', async (_, location) => {
    const site = await open();
    const headers = { location };
    site.standIn.fault({ at: '/resolve', kind: 'status', status: 302, headers, times: Infinity });
    const error = await hubError(fetchModelFrom(site.hub, reference));
    expect(error.code).toBe('network');
    expect(error.message).toContain('HF_ENDPOINT');
    expect(site.standIn.requests.length).toBeLessThan(40);
    expectNothingKept(site);
  });

  it('without an address is no success', async () => {
    const site = await open();
    site.standIn.fault({ at: '/revision/', kind: 'status', status: 302 });
    expect((await hubError(fetchModelFrom(site.hub, reference))).message).toContain('302');
  });
});
