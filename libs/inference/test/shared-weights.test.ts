import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '@blockpruner/checkpoint';
import {
  CHECKPOINT_CACHE,
  SMOLLM2_GGUF,
  temporaryFolder,
  TINY_MODELS,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./shared-weights-child.ts', import.meta.url));
/** glibc keeps freed packing buffers otherwise; the compute process is started with it too. */
const ENVIRONMENT = { ...process.env, MALLOC_MMAP_THRESHOLD_: '262144' };

interface Report {
  sums: number[];
  notes: string[];
  privateBytes: number;
  weightsResidentBytes: number;
  weightsSharedBytes: number;
}

const running: ChildProcess[] = [];

/** @param shared folder of the shared weights; null: the process holds its own */
function start(model: string, cache: string, shared: string | null = cache): Promise<Report> {
  const args = [CHILD, model, cache, shared ?? 'own'];
  const child = spawn(process.execPath, args, { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'inherit'] });
  running.push(child);
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => resolve(JSON.parse(line) as Report));
    child.on('exit', (code) => reject(new Error(`the process exited with code ${code}`)));
  });
}

async function endAll(): Promise<void> {
  const gone = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  running.forEach((child) => child.stdin?.end());
  await Promise.all(gone);
  running.length = 0;
}

const packed = (cache: string): string[] => readdirSync(cache).filter((name) => name.startsWith('packed-'));

describe('weights in a file that processes share', () => {
  let folder: TemporaryFolder;
  let model: string;
  let cache: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    model = join(folder.path, 'model');
    cache = join(folder.path, 'cache');
    await writeTinyModel(model, TINY_MODELS['llama-bf16-sharded']);
  });
  afterEach(async () => {
    await endAll();
    folder.remove();
  });

  it('give the bits of weights that each process packs for itself', async () => {
    const own = await start(model, cache, null);
    const shared = await start(model, cache);
    expect(shared.sums).toEqual(own.sums);
    expect(own.weightsResidentBytes).toBe(0);
    expect(shared.weightsResidentBytes).toBeGreaterThan(0);
  });

  it('are written once by processes that start at the same time, and nothing is left beside them', async () => {
    const reports = await Promise.all([start(model, cache), start(model, cache), start(model, cache)]);
    expect(new Set(reports.map(({ sums }) => sums.join())).size).toBe(1);
    expect(packed(cache)).toHaveLength(1);
    expect(packed(cache)[0]).toMatch(/^packed-[0-9a-f]{16}$/);
  });

  it('are held by each process where the folder does not take them, and the reason is said', async () => {
    const file = join(folder.path, 'a-file');
    writeFileSync(file, '');
    const { sums, notes, weightsResidentBytes } = await start(model, cache, join(file, 'below'));
    expect(weightsResidentBytes).toBe(0);
    expect(notes).toEqual([
      expect.stringMatching(/^the weights are not shared, this worker holds its own: ENOTDIR/),
    ]);
    expect(notes[0]).toContain(`free space in ${join(file, 'below')}, or name another --cache-dir`);
    expect(await start(model, cache)).toMatchObject({ sums, notes: [] });
  });

  it('are written anew where the file is damaged, or its writer was killed', async () => {
    const { sums } = await start(model, cache);
    await endAll();
    const [entry] = packed(cache);
    const weights = join(cache, entry, 'weights.bin');
    const whole = statSync(weights).size;
    truncateSync(weights, whole - 1);
    writeFileSync(join(cache, `${entry}.lock`), JSON.stringify({ host: 'elsewhere', pid: 1 }).slice(0, -5));
    writeFileSync(join(cache, `${entry}.incomplete-0123`), 'half');
    // A lock cut off while it was written counts for ten seconds.
    expect((await start(model, cache)).sums).toEqual(sums);
    expect(statSync(weights).size).toBe(whole);
    expect(packed(cache)).toEqual([entry]);
  });

  it('are of the model that is there now, where another of the same shape was before', async () => {
    const before = await start(model, cache);
    await writeTinyModel(model, { ...TINY_MODELS['llama-bf16-sharded'], seed: 99 });
    const after = await start(model, cache);
    expect(after.sums).not.toEqual(before.sums);
    expect(after.sums).toEqual((await start(model, cache, null)).sums);
  });
});

it('SmolLM2 takes its weights once for two processes', { timeout: 300_000 }, async () => {
  const checkpoint = await openCheckpoint(SMOLLM2_GGUF, { cacheFolder: CHECKPOINT_CACHE });
  const weights = 4 * checkpoint.shape.totalParameters;
  const folder = temporaryFolder();
  try {
    const own = await start(checkpoint.sourcePath, CHECKPOINT_CACHE, null);
    expect(own.privateBytes).toBeGreaterThan(weights);
    await endAll();
    await start(checkpoint.sourcePath, CHECKPOINT_CACHE);
    const second = await start(checkpoint.sourcePath, CHECKPOINT_CACHE);
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
    process.stdout.write(
      `SmolLM2: alone ${mib(own.privateBytes)} MiB private; sharing ${mib(second.privateBytes)} MiB private and ${mib(second.weightsSharedBytes)} MiB shared\n`,
    );
    expect(second.sums).toEqual(own.sums);
    expect(second.weightsSharedBytes).toBeGreaterThan(0.8 * weights);
    expect(second.privateBytes).toBeLessThan(0.5 * weights);
  } finally {
    await endAll();
    folder.remove();
  }
});
