import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CertificateAuthority,
  freePort,
  TINY_MODELS,
  waitFor,
  writeTinyModel,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { probeHealth } from '@blockpruner/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRUNE, slowWorkspace, start, workspace, type Command } from './command.ts';

const TOKEN = '0123456789abcdef-token';
const WRONG_TOKEN = 'fedcba9876543210-token';
const HOST = '127.0.0.1';

/** The waits, in seconds, that the worker's lines with this message name. */
function waits(worker: Command, message: string): number[] {
  const lines = worker.said.split('\n').filter((line) => line.includes(`"msg":"${message}"`));
  return lines.map((line) => (JSON.parse(line) as { retrySeconds: number }).retrySeconds);
}

describe('a worker that stays where it is turned away', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let port: number;
  let healthPort: number;
  let metricsPort: number;

  beforeEach(async () => {
    [port, healthPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  });
  afterEach(() => folder.remove());

  const at = (name: string): string => join(folder.path, name);
  const coordinate = (...options: string[]): Command =>
    start(
      [...PRUNE, '--remove', '2', '--output', 'run', '--listen', `${HOST}:${port}`, ...options],
      folder.path,
    );
  const worker = (...options: string[]): Command =>
    start(
      [
        ...['worker', '--connect', `localhost:${port}`, '--exit-when-done', '--retry-refusals'],
        ...['--health-listen', `${HOST}:${healthPort}`, '--metrics-listen', `${HOST}:${metricsPort}`],
        ...options,
      ],
      folder.path,
    );
  const health = (service: string) => probeHealth({ host: HOST, port: healthPort }, service);
  const readyz = async () => {
    const response = await fetch(`http://${HOST}:${metricsPort}/readyz`);
    return { status: response.status, line: (await response.text()).trimEnd() };
  };
  const becomesReady = () => waitFor(async () => (await readyz()).status === 200, { timeoutMs: 60_000 });

  /** Sees it turned away twice, the second time for longer, alive and not ready. */
  async function isTurnedAway(turned: Command, message: string, reason: RegExp): Promise<void> {
    await waitFor(() => waits(turned, message).length >= 2, { timeoutMs: 60_000 });
    const [first, second] = waits(turned, message);
    expect(second).toBeGreaterThan(first);
    expect(await health('readiness')).toBe('NOT_SERVING');
    expect(await health('liveness')).toBe('SERVING');
    await waitFor(async () => reason.test((await readyz()).line), { timeoutMs: 10_000 });
    expect((await readyz()).status).toBe(503);
  }

  it('for its token, and serves once its file holds the right one', async () => {
    folder = await slowWorkspace();
    writeFileSync(at('token'), TOKEN, { mode: 0o600 });
    writeFileSync(at('worker-token'), WRONG_TOKEN, { mode: 0o600 });
    const coordinator = coordinate('--token-file', 'token');
    await coordinator.says('waiting for workers');
    const turned = worker('--token-file', 'worker-token');
    const message = 'refused by the coordinator; dialling again';
    await isTurnedAway(
      turned,
      message,
      /^refused by coordinator localhost:\d+: it does not accept this token: give the one/,
    );
    const refusals = coordinator.said.split('"msg":"worker refused"').length - 1;
    expect(refusals).toBeLessThanOrEqual(waits(turned, message).length + 1); // one line an attempt
    writeFileSync(at('worker-token'), TOKEN);
    await becomesReady();
    expect(await health('readiness')).toBe('SERVING');
    expect((await coordinator.ended).code).toBe(0);
    expect((await turned.endsSoon()).code).toBe(0);
  });

  it('for its numeric class, and leaves at once when it is told to stop', async () => {
    folder = await slowWorkspace();
    const coordinator = coordinate('--workers', 'local:1', '--remove', '8');
    await coordinator.says('"msg":"worker joined"');
    const turned = worker('--dtype', 'fp16');
    const message = 'refused by the coordinator; dialling again';
    await isTurnedAway(turned, message, /^refused by .* numeric class .*fp16.* --mixed-classes/);
    turned.kill('SIGTERM');
    expect((await turned.endsSoon()).code).toBe(0);
    coordinator.kill('SIGINT');
    await coordinator.ended;
  });

  it('for a model that is not there, or is another one, and serves once it is the right one', async () => {
    folder = await workspace('llama-gqa-untied');
    const coordinator = coordinate('--artifact-listen', 'none');
    await coordinator.says('waiting for workers');
    renameSync(at('model'), at('original'));
    const turned = worker();
    const message = "the coordinator's run cannot be served; dialling again";
    await isTurnedAway(turned, message, /^the coordinator's run cannot be served: .*model does not exist/);
    await writeTinyModel(at('model'), { ...TINY_MODELS['llama-gqa-untied'], seed: 99 });
    await turned.says(/model is another model here: fingerprint/);
    const all = waits(turned, message); // a welcome does not start them over
    expect(all).toEqual(all.toSorted((a, b) => a - b));
    await coordinator.says(/model is another model here[^\n]*"msg":"worker cannot work for this run"/);
    renameSync(at('model'), at('other'));
    renameSync(at('original'), at('model'));
    expect((await coordinator.ended).code).toBe(0);
    expect((await turned.endsSoon()).code).toBe(0);
  });

  it('for a certificate it does not trust, and serves once it does', async () => {
    folder = await workspace('llama-gqa-untied');
    const authority = new CertificateAuthority('authority');
    authority.issue(folder.path, 'coordinator');
    new CertificateAuthority('another').write(folder.path);
    copyFileSync(at('another.crt'), at('trusted.crt'));
    const coordinator = coordinate('--tls-cert', 'coordinator.crt', '--tls-key', 'coordinator.key');
    await coordinator.says('waiting for workers');
    const distrustful = worker('--tls-ca', 'trusted.crt');
    const message = 'no coordinator yet; dialling again';
    await isTurnedAway(distrustful, message, /^no coordinator yet: .*certificate is of no authority/);
    authority.write(folder.path);
    copyFileSync(at('authority.crt'), at('trusted.crt'));
    expect((await coordinator.ended).code).toBe(0);
    expect((await distrustful.endsSoon()).code).toBe(0);
  });
});
