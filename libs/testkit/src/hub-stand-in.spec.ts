import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHubStandIn, type HubStandIn } from './hub-stand-in.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
let hub: HubStandIn;
beforeEach(async () => {
  folder = temporaryFolder();
  const repository = path.join(folder.path, 'models/org/name');
  mkdirSync(repository, { recursive: true });
  writeFileSync(path.join(repository, 'config.json'), '{}');
  writeFileSync(path.join(repository, 'model.safetensors'), 'weights');
  hub = await startHubStandIn(folder.path, { pageSize: 1 });
});
afterEach(async () => {
  await hub.close();
  folder.remove();
});

const json = async (address: string): Promise<unknown> => (await fetch(`${hub.endpoint}${address}`)).json();

describe('the stand-in of the hub', () => {
  it('tells the commit of a revision, and lists its files page by page', async () => {
    const commit = hub.commitOf('models/org/name');
    expect(await json('/api/models/org/name/revision/main')).toMatchObject({ id: 'org/name', sha: commit });
    const response = await fetch(`${hub.endpoint}/api/models/org/name/tree/${commit}?recursive=true`);
    const [, next] = /<(.*)>; rel="next"/.exec(response.headers.get('link') ?? '') ?? [];
    expect(await response.json()).toMatchObject([{ type: 'file', path: 'config.json', size: 2 }]);
    const oid = createHash('sha256').update('weights').digest('hex');
    expect(await (await fetch(next)).json()).toMatchObject([
      { path: 'model.safetensors', lfs: { oid, size: 7 } },
    ]);
  });

  it('names git blobs as git does', async () => {
    const response = await fetch(`${hub.endpoint}/org/name/resolve/main/config.json`, { method: 'HEAD' });
    // git hash-object of a file that holds {}
    expect(response.headers.get('etag')).toBe('"9e26dfeeb6e641a33dae4961196235bdb965b21b"');
    expect(response.headers.get('x-repo-commit')).toBe(hub.commitOf('models/org/name'));
  });

  it('sends LFS objects from the content network, from any byte on, and counts them', async () => {
    const address = `${hub.endpoint}/org/name/resolve/main/model.safetensors`;
    const response = await fetch(address, { headers: { range: 'bytes=4-' } });
    expect(new URL(response.url).origin).not.toBe(hub.endpoint);
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 4-6/7']);
    expect(await response.text()).toBe('hts');
    expect(hub.sentBytes).toBe(3);
    expect(hub.requests.map((request) => request.host)).toEqual(['hub', 'cdn']);
  });

  it('says of what is not there which part of the address is wrong', async () => {
    const answers = [
      '/org/name/resolve/nope/config.json',
      '/org/name/resolve/main/nope',
      '/org/nope/resolve/main/x',
    ];
    const codes = answers.map(async (address) => {
      const { status, headers } = await fetch(`${hub.endpoint}${address}`);
      return [status, headers.get('x-error-code')];
    });
    expect(await Promise.all(codes)).toEqual([
      [404, 'RevisionNotFound'],
      [404, 'EntryNotFound'],
      [401, null],
    ]);
  });

  it('misbehaves once, as it is told to', async () => {
    hub.fault({ at: '/config.json', kind: 'status', status: 503 });
    const statuses = [0, 0].map(() => fetch(`${hub.endpoint}/org/name/resolve/main/config.json`));
    expect((await Promise.all(statuses)).map(({ status }) => status).sort()).toEqual([200, 503]);
  });
});
