import { appendFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHUNK_BYTES, sha256, writeModelFolder, type ModelFolder } from '../test/model-folder.ts';
import type { FetchRequest } from './artifact-source.ts';
import type { ArtifactStore } from './artifact-store.ts';
import { chunkHash, type Manifest } from './manifest.ts';

const patient = new AbortController().signal;

async function manifestOf(store: ArtifactStore, fingerprint: string): Promise<Manifest> {
  for await (const reply of store.manifest(fingerprint, patient)) {
    if (reply.kind === 'manifest') return reply.manifest;
  }
  throw new Error('no manifest');
}

async function contentOf(store: ArtifactStore, request: FetchRequest): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const reply of store.fetch(request, patient)) if (reply.kind === 'data') parts.push(reply.bytes);
  return Buffer.concat(parts);
}

describe('ArtifactStore', () => {
  let folder: TemporaryFolder;
  let model: ModelFolder;
  let store: ArtifactStore;
  const weights = (): Buffer => model.bytes.get('model.safetensors')!;

  beforeEach(async () => {
    folder = temporaryFolder();
    model = writeModelFolder(join(folder.path, 'model'), { 'config.json': 10, 'model.safetensors': 2500 });
    store = await model.serve();
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  it('lists its files with the hashes of the whole and of each chunk', async () => {
    const { chunkBytes, entry, files } = await manifestOf(store, model.fingerprint);
    expect({ chunkBytes, entry }).toEqual({ chunkBytes: CHUNK_BYTES, entry: null });
    expect(files.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([
      ['config.json', 10],
      ['model.safetensors', 2500],
    ]);
    const [, file] = files;
    expect(file.sha256).toBe(sha256(weights()));
    expect(file.chunkHashes).toHaveLength(3 * 32);
    const third = Buffer.from(chunkHash(file, 2)).toString('hex');
    expect(third).toBe(sha256(weights().subarray(2048)));
  });

  it('serves any range of a file, and nothing outside it', async () => {
    const hash = sha256(weights());
    const range = { sha256: hash, offsetBytes: 1000, lengthBytes: 1500 };
    expect(await contentOf(store, range)).toEqual(weights().subarray(1000));
    await expect(contentOf(store, { ...range, lengthBytes: 1501 })).rejects.toMatchObject({
      code: 'refused',
    });
  });

  it('serves no other model and no other content', async () => {
    await expect(manifestOf(store, `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'not-served' });
    writeFileSync(join(model.path, 'secret'), 'secret');
    const request = { sha256: sha256(Buffer.from('secret')), offsetBytes: 0, lengthBytes: 6 };
    await expect(contentOf(store, request)).rejects.toMatchObject({ code: 'not-served' });
  });

  it('serves files that were renamed, replaced or removed since, as they were', async () => {
    renameSync(model.path, `${model.path}-away`);
    rmSync(`${model.path}-away`, { recursive: true });
    await manifestOf(store, model.fingerprint);
    const request = { sha256: sha256(weights()), offsetBytes: 0, lengthBytes: 2500 };
    expect(await contentOf(store, request)).toEqual(weights());
  });

  it('says so when a file is written to', async () => {
    const request = { sha256: sha256(weights()), offsetBytes: 0, lengthBytes: 10 };
    expect(await contentOf(store, request)).toHaveLength(10);
    appendFileSync(join(model.path, 'model.safetensors'), 'more');
    await expect(contentOf(store, request)).rejects.toMatchObject({
      code: 'changed',
      message: expect.stringContaining('model.safetensors') as string,
    });
  });

  it('reads its files once: the next process finds the hashes', async () => {
    const first = await manifestOf(store, model.fingerprint);
    const hashes = join(folder.path, 'of-coordinator/artifact-hashes');
    expect(readdirSync(hashes)).toHaveLength(2);
    const again = await model.serve();
    const replies = [];
    for await (const reply of again.manifest(model.fingerprint, patient)) replies.push(reply);
    expect(replies.at(-1)).toEqual({ kind: 'manifest', manifest: first });
    await again.close();
    for (const name of readdirSync(hashes)) writeFileSync(join(hashes, name), 'abc\n');
    const afresh = await model.serve();
    expect(await manifestOf(afresh, model.fingerprint)).toEqual(first);
    await afresh.close();
  });

  it('gives the slot of a fetch to the next, whether it ended or was given up', async () => {
    const narrow = await model.serve({ maxStreams: 1 });
    const request = { sha256: sha256(weights()), offsetBytes: 0, lengthBytes: 2500 };
    const open = narrow.fetch(request, patient);
    expect((await open.next()).value).toMatchObject({ kind: 'data' });
    const waits = narrow.fetch(request, patient);
    expect((await waits.next()).value).toEqual({ kind: 'waiting', ahead: 0 });
    await waits.return();
    await open.return();
    expect(await contentOf(narrow, request)).toHaveLength(2500);
    expect(await contentOf(narrow, request)).toHaveLength(2500);
    await narrow.close();
  });
});
