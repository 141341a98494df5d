import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startHubStandIn, temporaryFolder } from '@blockpruner/testkit';
import { HubError } from '../src/hub-error.ts';
import type { Hub } from '../src/hub-request.ts';
import type { HubSettings } from '../src/hub-settings.ts';
import type { Patience } from '../src/retries.ts';

/** Quick, so that a test of a server that is down takes no time. */
export const IMPATIENT: Patience = {
  idleMs: 300,
  replyMs: 2000,
  attempts: 3,
  firstWaitMs: 1,
  longestWaitMs: 20,
};

export type Files = Readonly<Record<string, string | Buffer>>;
type StandInOptions = Parameters<typeof startHubStandIn>[1];
export type Site = Awaited<ReturnType<typeof openSite>>;

const endings: (() => unknown)[] = [];

/** Stops every server and removes every folder of the test. */
export async function closeSites(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}

/** A hub with these repositories (`models/org/name`, `datasets/org/name`), and an empty cache. */
export async function openSite(repositories: Readonly<Record<string, Files>>, options?: StandInOptions) {
  const folder = temporaryFolder();
  endings.push(() => folder.remove());
  const root = join(folder.path, 'hub');
  for (const [repository, files] of Object.entries(repositories)) writeFiles(join(root, repository), files);
  const standIn = await startHubStandIn(root, options);
  endings.push(() => standIn.close());
  const cacheFolder = join(folder.path, 'cache');
  const hubWith = (settings: Partial<HubSettings> = {}, patience: Partial<Patience> = {}): Hub => ({
    settings: { endpoint: standIn.endpoint, cacheFolder, token: null, offline: false, ...settings },
    patience: { ...IMPATIENT, ...patience },
  });
  return {
    standIn,
    cacheFolder,
    hubWith,
    hub: hubWith(),
    write: (repository: string, files: Files) => writeFiles(join(root, repository), files),
  };
}

function writeFiles(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Bytes without a period, so that none can stand in for another. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A model with two shards, and the files that are not wanted beside them. */
export function shardedModel(shardBytes = 5000): Files {
  return {
    'config.json': '{"model_type": "llama"}',
    'generation_config.json': '{}',
    'tokenizer.json': '{"model": {}}',
    'tokenizer_config.json': '{}',
    'model.safetensors.index.json': JSON.stringify({
      weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
    }),
    'model-00001-of-00002.safetensors': bytesOf(shardBytes, 1),
    'model-00002-of-00002.safetensors': bytesOf(shardBytes, 2),
    'other.safetensors': 'not named by the index',
    'pytorch_model.bin': 'pickle',
    'README.md': 'hello',
    'original/consolidated.00.pth': 'pickle',
    'onnx/model.onnx': 'graph',
    '.gitattributes': '*.bin filter=lfs',
  };
}

/** The names in `shardedModel` that are fetched. */
export const SHARDED_MODEL_FILES = [
  'config.json',
  'generation_config.json',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
  'model.safetensors.index.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

/** What a promise is rejected with, checked to be a well-formed HubError. */
export async function hubError(promise: Promise<unknown>): Promise<HubError> {
  const error = await promise.then(
    (value) => new Error(`resolved: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HubError)) throw error;
  if (error.message.length > 400 || /[\r\n]/.test(error.message))
    throw new Error(`no line: ${error.message}`);
  return error;
}
