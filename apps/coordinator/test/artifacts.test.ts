import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CertificateAuthority,
  freePort,
  TINY_MODELS,
  tinyRows,
  waitFor,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ggufBytes, TINY_METADATA, tinyGgufTensors } from '../../../libs/checkpoint/test/gguf-bytes.ts';
import {
  allGone,
  artifactServerOf,
  errorLine,
  run,
  start,
  workspace,
  type Command,
  type Ended,
} from './command.ts';

const MIB = 2 ** 20;

/** Leads to the coordinator's model from its own processes only: a worker elsewhere has another working folder. */
const UNSEEN = '/proc/self/cwd';

/** The fields of the log lines that say this. */
function lines(stderr: string, said: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes(`"msg":"${said}`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function fetchedBytes({ stderr }: { stderr: string }): number {
  return lines(stderr, 'the model is here').reduce((sum, line) => sum + Number(line.fetchedBytes), 0);
}

describe('a worker that does not see the model', () => {
  let folder: TemporaryFolder;
  let port: number;
  let local: Ended;
  let modelBytes: number;
  let cacheCount = 0;
  const commands: Command[] = [];

  // 33 MiB of weights: five chunks.
  const spec = {
    ...TINY_MODELS['llama-gqa-untied'],
    layerCount: 4,
    hiddenSize: 256,
    intermediateSize: 2048,
  };
  const score = (...args: string[]): string[] => [
    ...['score', '--model', `${UNSEEN}/model`, '--calibration', 'rows.json', '--mask', 'mha.1', '--json'],
    ...args,
  ];

  beforeAll(async () => {
    folder = await workspace(spec, [20, 33]);
    mkdirSync(join(folder.path, 'elsewhere'));
    local = await run(score('--workers', 'local:1'), folder.path);
    expect(local.code).toBe(0);
    const files = readdirSync(join(folder.path, 'model')).filter((name) => /^(config|model)\./.test(name));
    modelBytes = files.reduce((sum, name) => sum + readFileSync(join(folder.path, 'model', name)).length, 0);
    expect(modelBytes).toBeGreaterThan(24 * MIB);
  }, 120_000);
  afterAll(() => folder.remove());
  afterEach(async () => {
    for (const command of commands) command.kill('SIGKILL');
    await Promise.all(commands.splice(0).map((command) => command.ended));
  });

  const newCache = (): string => join(folder.path, `cache-${cacheCount++}`);
  const begin = (args: readonly string[], cwd = folder.path): Command => {
    const command = start(args, cwd);
    commands.push(command);
    return command;
  };
  const coordinate = async (...args: string[]): Promise<Command> => {
    port = await freePort();
    return begin(score('--listen', `127.0.0.1:${port}`, ...args));
  };
  const work = (cache: string, ...args: string[]): Command =>
    begin(
      ['worker', '--connect', `127.0.0.1:${port}`, '--cache-dir', cache, '--exit-when-done', ...args],
      join(folder.path, 'elsewhere'),
    );
  const downloadsOf = (cache: string): number => {
    try {
      const names = readdirSync(join(cache, 'artifacts')).filter((name) => name.endsWith('.incomplete'));
      return Math.max(0, ...names.map((name) => readFileSync(join(cache, 'artifacts', name)).length));
    } catch {
      return 0;
    }
  };

  it('fetches it, computes the same, and has it the next time', async () => {
    const cache = newCache();
    const coordinator = await coordinate();
    const worker = work(cache);
    expect([(await coordinator.ended).stdout, (await worker.ended).code]).toEqual([local.stdout, 0]);
    expect(fetchedBytes(worker)).toBe(modelBytes);

    const next = await coordinate();
    const again = work(cache);
    expect([(await next.ended).stdout, (await again.ended).code]).toEqual([local.stdout, 0]);
    expect(again.stderr).toContain('the model is in the cache');
  });

  it('fetches it with the token and over the TLS of the coordinator', async () => {
    const authority = new CertificateAuthority('the cluster');
    const caFile = authority.write(folder.path);
    const { certFile, keyFile } = authority.issue(folder.path, 'coordinator');
    const tokenFile = join(folder.path, 'token');
    writeFileSync(tokenFile, '0123456789abcdef-a-token', { mode: 0o600 });
    const coordinator = await coordinate(
      ...['--tls-cert', certFile, '--tls-key', keyFile, '--token-file', tokenFile],
    );
    const worker = work(newCache(), '--tls-ca', caFile, '--token-file', tokenFile);
    expect([(await coordinator.ended).stdout, (await worker.ended).code]).toEqual([local.stdout, 0]);
    expect(fetchedBytes(worker)).toBe(modelBytes);
  });

  it('fetches a GGUF as it is, and decodes it itself', async () => {
    writeFileSync(join(folder.path, 'tiny.gguf'), ggufBytes(TINY_METADATA, tinyGgufTensors()));
    writeFileSync(
      join(folder.path, 'tiny.json'),
      JSON.stringify(tinyRows(24, 1, [20, 33]).map((row) => [...row])),
    );
    const gguf = ['score', '--model', `${UNSEEN}/tiny.gguf`, '--calibration', 'tiny.json', '--json'];
    const known = await run([...gguf, '--workers', 'local:1'], folder.path);
    const cache = newCache();
    port = await freePort();
    const coordinator = begin([...gguf, '--listen', `127.0.0.1:${port}`]);
    const worker = work(cache);
    expect([(await coordinator.ended).stdout, (await worker.ended).code]).toEqual([known.stdout, 0]);
    expect(readdirSync(cache).sort()).toEqual(['artifacts', expect.stringMatching(/^decoded-/), 'models']);
  });

  it('goes on where it was killed', async () => {
    const cache = newCache();
    const coordinator = await coordinate('--artifact-bandwidth', '8MiB');
    const killed = work(cache);
    await waitFor(() => downloadsOf(cache) >= 16 * MIB, { timeoutMs: 60_000 });
    killed.kill('SIGKILL');
    await killed.ended;
    const next = work(cache);
    expect([(await coordinator.ended).stdout, (await next.ended).code]).toEqual([local.stdout, 0]);
    expect(fetchedBytes(next)).toBeLessThanOrEqual(modelBytes - 16 * MIB);
  }, 120_000);

  it('fetches it once for all workers of a machine', async () => {
    const cache = newCache();
    const coordinator = await coordinate('--artifact-bandwidth', '16MiB/s');
    const workers = [work(cache), work(cache)];
    const codes = await Promise.all(workers.map(async (worker) => (await worker.ended).code));
    expect([(await coordinator.ended).stdout, codes]).toEqual([local.stdout, [0, 0]]);
    const fetched = workers.reduce((sum, worker) => sum + fetchedBytes(worker), 0);
    expect(fetched).toBeLessThanOrEqual(modelBytes);
    expect(fetched).toBeGreaterThan(modelBytes - MIB); // a worker that is told to leave does not say what it fetched
  }, 120_000);

  it('waits its turn, and says so', async () => {
    const coordinator = await coordinate('--artifact-streams', '1', '--artifact-bandwidth', '4MiB');
    const workers = [work(newCache()), work(newCache())];
    const place = '"ahead":0,"msg":"waiting for other workers to fetch the model"';
    await Promise.any(workers.map((worker) => worker.says(place)));
    expect((await coordinator.ended).stdout).toBe(local.stdout);
  }, 120_000);

  it('outlives the process that serves the files, and stays in the fleet for as long as it takes', async () => {
    const cache = newCache();
    const coordinator = await coordinate('--artifact-bandwidth', '1536KiB');
    const worker = work(cache);
    await waitFor(() => downloadsOf(cache) > 0, { timeoutMs: 60_000 });
    const serving = await artifactServerOf(coordinator);
    process.kill(serving, 'SIGKILL');
    await coordinator.says("the process that serves the model's files died; starting it again");
    await worker.says('fetching the model: trying again');
    expect(await artifactServerOf(coordinator)).not.toBe(serving);
    const ended = await coordinator.ended;
    expect([ended.stdout, (await worker.ended).code]).toEqual([local.stdout, 0]);
    // At 1.5 MiB a second the rest takes longer than the 15 s after which a silent worker is given up.
    expect(Number(lines(worker.stderr, 'the model is here')[0].seconds)).toBeGreaterThan(15);
    expect(lines(ended.stderr, 'worker left').filter(({ how }) => how === 'lost')).toEqual([]);
  }, 180_000);

  it('goes on in the next run when the coordinator was killed, which leaves no process', async () => {
    const cache = newCache();
    const killed = await coordinate('--artifact-bandwidth', '8MiB');
    const worker = work(cache);
    await waitFor(() => downloadsOf(cache) >= 8 * MIB, { timeoutMs: 60_000 });
    const serving = await artifactServerOf(killed);
    killed.kill('SIGKILL');
    await killed.ended;
    await allGone([serving]);
    await worker.says('connection lost; dialling again');
    const next = begin(score('--listen', `127.0.0.1:${port}`));
    expect([(await next.ended).stdout, (await worker.ended).code]).toEqual([local.stdout, 0]);
    expect(fetchedBytes(worker)).toBeLessThanOrEqual(modelBytes - 8 * MIB);
  }, 120_000);

  it('has its copy repaired when it is not what it was', async () => {
    const cache = newCache();
    const coordinator = await coordinate();
    expect((await work(cache).ended).code).toBe(0);
    await coordinator.ended;
    const blobs = readdirSync(join(cache, 'artifacts')).map((name) => join(cache, 'artifacts', name));
    const weights = blobs.find((blob) => readFileSync(blob).length > MIB) ?? '';
    writeFileSync(weights, readFileSync(weights).fill(7, 10 * MIB, 14 * MIB));
    const next = await coordinate();
    const worker = work(cache);
    expect([(await next.ended).stdout, (await worker.ended).code]).toEqual([local.stdout, 0]);
    expect(fetchedBytes(worker)).toBe(8 * MIB);
  });

  it('exits 1 when its cache may not hold the model, naming the sizes', async () => {
    await coordinate();
    const ended = await work(newCache(), '--cache-limit', '10MiB').ended;
    expect([ended.code, errorLine(ended)]).toEqual([
      1,
      expect.stringMatching(
        /^the model has \d{8} bytes, its cache .* may hold 10485760: raise --cache-limit$/,
      ),
    ]);
  });
});
