import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArtifactStore, identifyFiles, ModelCache, type FetchReply } from '@blockpruner/artifacts';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ARTIFACT_SERVICE } from '../src/artifact-proto.ts';
import { ArtifactClient, ArtifactServer } from '../src/index.ts';
import { startDamagingRelay } from './damaging-relay.ts';

const MIB = 2 ** 20;
const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;

describe('artifacts over gRPC', () => {
  let folder: TemporaryFolder;
  let weights: Buffer;
  let store: ArtifactStore;
  let server: ArtifactServer;
  let port: number;
  const patient = new AbortController().signal;

  const serve = async (bytesPerSecond: number | null = null, maxStreams = 2): Promise<void> => {
    const model = join(folder.path, 'model');
    mkdirSync(model, { recursive: true });
    weights = randomBytes(20 * MIB + 11);
    writeFileSync(join(model, 'model.safetensors'), weights);
    writeFileSync(join(model, 'private.txt'), 'not of the model');
    const files = await identifyFiles([
      { name: 'model.safetensors', path: join(model, 'model.safetensors') },
    ]);
    store = await ArtifactStore.open(
      { fingerprint: FINGERPRINT, entry: null, files },
      { cacheFolder: join(folder.path, 'of-coordinator'), maxStreams, bytesPerSecond, chunkBytes: MIB },
    );
    server = new ArtifactServer(store, { unreadMs: 500 });
    port = await server.listen('127.0.0.1', 0);
  };
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await server.close();
    await store.close();
    folder.remove();
  });

  const hashOf = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const client = (at = port): ArtifactClient => new ArtifactClient({ host: '127.0.0.1', port: at });
  const whole = () => ({ sha256: hashOf(weights), offsetBytes: 0, lengthBytes: weights.length });
  const read = async (replies: AsyncIterable<FetchReply>): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for await (const reply of replies) if (reply.kind === 'data') parts.push(reply.bytes);
    return Buffer.concat(parts);
  };
  const fetchInto = (name: string, source: ArtifactClient, troubles: string[] = []) =>
    new ModelCache({ cacheFolder: join(folder.path, name), limitBytes: null }).fetch(FINGERPRINT, source, {
      signal: patient,
      waits: { firstMs: 20, longestMs: 100 },
      onEvent: (event) => {
        if (event.kind === 'trouble') troubles.push(event.reason);
      },
    });

  it('bring content from end to end, to several at a time, in their turn', async () => {
    await serve();
    const contents = await Promise.all(
      Array.from({ length: 5 }, () => read(client().fetch(whole(), patient))),
    );
    expect(contents.every((content) => content.equals(weights))).toBe(true);
  });

  it('tell one that must wait how many come before it', async () => {
    await serve(MIB, 1);
    const first = client().fetch(whole(), patient)[Symbol.asyncIterator]();
    await first.next();
    const others = [client(), client()].map((one) => one.fetch(whole(), patient)[Symbol.asyncIterator]());
    const replies = await Promise.all(others.map((one) => one.next()));
    expect(replies.map(({ value }) => value as unknown)).toEqual([
      { kind: 'waiting', ahead: 0 },
      { kind: 'waiting', ahead: 1 },
    ]);
    await Promise.all([first, ...others].map(async (one) => one.return?.()));
  });

  it('are refused to a stranger that asks for other content, in words that name no path', async () => {
    await serve();
    const other = { sha256: hashOf('not of the model'), offsetBytes: 0, lengthBytes: 16 };
    const error = await read(client().fetch(other, patient)).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'not-served' });
    expect((error as Error).message).not.toContain(folder.path);
    const manifest = client()
      .manifest(`sha256:${'0'.repeat(64)}`, patient)
      [Symbol.asyncIterator]();
    await expect(manifest.next()).rejects.toMatchObject({ code: 'not-served' });
    const beyond = { ...whole(), offsetBytes: weights.length };
    await expect(read(client().fetch(beyond, patient))).rejects.toMatchObject({ code: 'refused' });
  });

  it('are for those alone that the coordinator lets in', async () => {
    const token = '0123456789abcdef-a-token';
    await serve();
    await server.close();
    server = new ArtifactServer(store, { security: { tokens: () => [token] } });
    port = await server.listen('127.0.0.1', 0);
    const refused = { code: 'refused' };
    await expect(read(client().fetch(whole(), patient))).rejects.toMatchObject(refused);
    const dial = (shown: string) => new ArtifactClient({ host: '127.0.0.1', port }, { token: () => shown });
    await expect(read(dial(`${token}-nearly`).fetch(whole(), patient))).rejects.toMatchObject(refused);
    const manifest = client().manifest(FINGERPRINT, patient)[Symbol.asyncIterator]();
    await expect(manifest.next()).rejects.toMatchObject(refused);
    expect((await read(dial(token).fetch(whole(), patient))).equals(weights)).toBe(true);
  });

  it('survive a stranger that sends anything', async () => {
    await serve();
    const channel = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const { requestSerialize, responseDeserialize } = ARTIFACT_SERVICE.Fetch;
    for (const { path } of Object.values(ARTIFACT_SERVICE)) {
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.alloc(100_000, 255),
        randomBytes(300),
        Buffer.from('../../etc'),
      ]) {
        const call = channel.makeServerStreamRequest(path, requestSerialize, responseDeserialize, bytes);
        const code = await new Promise((resolve) => {
          call.on('error', (error: Error & { code?: number }) => resolve(error.code));
          call.resume();
        });
        expect([3, 5]).toContain(code); // INVALID_ARGUMENT, NOT_FOUND
      }
    }
    channel.close();
    expect((await read(client().fetch(whole(), patient))).equals(weights)).toBe(true);
  });

  it('are not held up by peers that read nothing', async () => {
    await serve(null, 1);
    const idle = client().fetch(whole(), patient)[Symbol.asyncIterator]();
    expect((await idle.next()).value).toMatchObject({ kind: 'data' });
    expect((await read(client().fetch(whole(), patient))).equals(weights)).toBe(true);
    await idle.return?.();
  });

  it('keep to the bandwidth that all fetches may take together', async () => {
    await serve(10 * MIB, 2);
    const startedMs = performance.now();
    await Promise.all(
      [client(), client()].map((one) => read(one.fetch({ ...whole(), lengthBytes: 5 * MIB }, patient))),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    expect(seconds).toBeGreaterThan(0.9); // 10 MiB, of which half a MiB may leave at once
  });

  it('arrive intact through a line that damages them, and only what was damaged comes again', async () => {
    await serve();
    const relay = await startDamagingRelay(port, { afterBytes: 3 * MIB, times: 4 });
    const troubles: string[] = [];
    const { path, release } = await fetchInto('damaged', client(relay.port), troubles);
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(relay.damages).toBe(4);
    expect(troubles.length).toBeGreaterThanOrEqual(4);
    await release();
    await relay.close();
  });

  it('go on where they were when the server is gone and comes back', async () => {
    await serve(15 * MIB);
    const troubles: string[] = [];
    const fetching = fetchInto('resumed', client(), troubles);
    await new Promise((resolve) => setTimeout(resolve, 600));
    void server.close();
    await expect.poll(() => troubles.length, { timeout: 20_000 }).toBeGreaterThan(1);
    server = new ArtifactServer(store);
    await server.listen('127.0.0.1', port);
    const { path, release } = await fetching;
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    await release();
  });
});
