import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArtifactStore,
  identifyFiles,
  type ArtifactSource,
  type Manifest,
  type ServedModel,
} from '@blockpruner/artifacts';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { ArtifactServer, FleetServer } from '@blockpruner/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { errorLine, run } from './command.ts';

const FINGERPRINT = `sha256:${'5a'.repeat(32)}`;

let folder: TemporaryFolder;
let store: ArtifactStore;
let fleet: FleetServer;
let artifacts: ArtifactServer | undefined;
let port: number;

beforeEach(async () => {
  folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, 'served', name);
  mkdirSync(join(folder.path, 'served'));
  writeFileSync(at('config.json'), '{"model_type":"llama"}');
  writeFileSync(at('model.safetensors'), randomBytes(50_000));
  const names = ['config.json', 'model.safetensors'];
  const files = await identifyFiles(names.map((name) => ({ name, path: at(name) })));
  const model: ServedModel = { fingerprint: FINGERPRINT, entry: null, files };
  const options = { cacheFolder: join(folder.path, 'hashes'), maxStreams: 8, bytesPerSecond: null };
  store = await ArtifactStore.open(model, options);
});

afterEach(async () => {
  await artifacts?.close();
  await fleet.close();
  await store.close();
  folder.remove();
});

/** A coordinator that welcomes workers to a model they do not see, and serves it from there. */
async function coordinate(source: ArtifactSource): Promise<void> {
  artifacts = new ArtifactServer(source);
  const artifactPort = await artifacts.listen('127.0.0.1', 0);
  fleet = new FleetServer({
    onHello: (connection) =>
      connection.send({
        kind: 'welcome',
        protocol: 1,
        runId: 'run',
        model: { path: '/a/folder/that/is/not/here', fingerprint: FINGERPRINT },
        heartbeatMs: 1000,
        shapePlan: null,
        longestRowTokens: 128,
        microBatchRows: null,
        artifacts: { host: null, port: artifactPort },
      }),
    onMessage: () => undefined,
    onClosed: () => undefined,
  });
  port = await fleet.listen('127.0.0.1', 0);
}

function lyingAbout(change: (manifest: Manifest) => Manifest): ArtifactSource {
  return {
    fetch: (request, signal) => store.fetch(request, signal),
    async *manifest(fingerprint, signal) {
      for await (const reply of store.manifest(fingerprint, signal)) {
        yield reply.kind === 'manifest' ? { kind: 'manifest', manifest: change(reply.manifest) } : reply;
      }
    },
  };
}

const work = () =>
  run(['worker', '--connect', `127.0.0.1:${port}`, '--cache-dir', join(folder.path, 'cache')], folder.path);

it.each(['../../../../escaped', '/tmp/escaped', 'a/b', '..', 'x\\y'])(
  'a worker takes no file of the name %s from a coordinator',
  async (name) => {
    await coordinate(
      lyingAbout(({ files: [first, second], ...manifest }) => ({
        ...manifest,
        files: [{ ...first, name }, second],
      })),
    );
    const ended = await work();
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(/^artifacts at 127\.0\.0\.1:\d+: manifest\.files\[0\]\.name is .*plain name/),
    ]);
    expect(
      readdirSync(folder.path)
        .filter((entry) => entry !== 'cache')
        .sort(),
    ).toEqual(['hashes', 'served']);
  },
);

it('a worker computes with no files but those of the model that the coordinator names', async () => {
  await coordinate(store);
  const ended = await work();
  expect([ended.code, errorLine(ended)]).toEqual([
    1,
    expect.stringMatching(/^the files that the coordinator serves are not the model sha256:5a5a/),
  ]);
});

it('a worker gives up content that never is what was announced, naming file and chunk', async () => {
  await coordinate(
    lyingAbout(({ files: [first, second], ...manifest }) => ({
      ...manifest,
      files: [first, { ...second, chunkHashes: Buffer.alloc(32) }],
    })),
  );
  const ended = await work();
  expect([ended.code, errorLine(ended)]).toEqual([
    1,
    expect.stringMatching(
      /^model\.safetensors: chunk 0 \(50000 bytes from 0\) arrived damaged 5 times: check/,
    ),
  ]);
});

it('a worker says so when its coordinator serves another model', async () => {
  await coordinate({
    fetch: (request, signal) => store.fetch(request, signal),
    manifest: (_, signal) => store.manifest(`sha256:${'0'.repeat(64)}`, signal),
  });
  const ended = await work();
  expect([ended.code, errorLine(ended)]).toEqual([
    1,
    expect.stringMatching(/^artifacts at 127\.0\.0\.1:\d+: this coordinator serves another model/),
  ]);
});
