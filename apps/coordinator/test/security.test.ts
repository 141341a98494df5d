import { chmodSync, copyFileSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, freePort, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, start, workspace } from './command.ts';

const TOKEN = '0123456789abcdef-token';
const NEW_TOKEN = 'fedcba9876543210-token';

describe('a fleet across machines', () => {
  const authority = new CertificateAuthority('authority');
  let folder: TemporaryFolder;
  let port: number;
  let undisturbed: string;

  const prune = (output: string, ...options: string[]): string[] => [
    ...[...PRUNE, '--remove', '2', '--output', output],
    ...options,
  ];
  const guards = ['--tls-cert', 'coordinator.crt', '--tls-key', 'coordinator.key', '--token-file', 'token'];
  const dial = (...options: string[]): string[] => [
    ...['worker', '--connect', `localhost:${port}`, '--exit-when-done'],
    ...options,
  ];
  const at = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    port = await freePort();
    authority.write(folder.path);
    authority.issue(folder.path, 'coordinator');
    authority.issue(folder.path, 'worker');
    writeFileSync(at('token'), `${TOKEN}\n`, { mode: 0o600 });
    expect((await run(prune('undisturbed', '--workers', 'local:1'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  it('computes by TLS, certificates of both sides and a token, and keeps the token to itself', async () => {
    const args = [...guards, '--tls-client-ca', 'authority.crt', '--log-level', 'debug'];
    const coordinator = start(prune('secured', '--listen', `0.0.0.0:${port}`, ...args), folder.path);
    await coordinator.says(
      /run: blockpruner worker --connect [^ ]+:\d+ --tls-ca <ca.crt> --tls-cert <worker.crt> --tls-key <worker.key> --token-file <token>"/,
    );
    const own = ['--tls-ca', 'authority.crt', '--tls-cert', 'worker.crt', '--tls-key', 'worker.key'];
    const worker = start(dial(...own, '--token-file', 'token', '--log-level', 'debug'), folder.path);
    const ended = await coordinator.ended;
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('removed 2 blocks')]);
    expect(read(folder, 'secured/result.json')).toBe(undisturbed);
    const workerEnded = await worker.endsSoon();
    expect(workerEnded.code).toBe(0);
    const written = globSync('secured/*', { cwd: folder.path }).map((file) => read(folder, file));
    expect(written.length).toBeGreaterThan(5);
    for (const text of [...written, ended.stderr, workerEnded.stderr]) expect(text).not.toContain(TOKEN);
  });

  it('needs nothing for the workers that it starts itself, whatever guards the port', async () => {
    const args = [...guards, '--tls-client-ca', 'authority.crt', '--workers', 'local:2'];
    // What is set for the coordinator must not reach them.
    const environment = { BLOCKPRUNER_TLS: '1', BLOCKPRUNER_TLS_CA: 'nowhere' };
    const listen = ['--listen', `0.0.0.0:${port}`];
    const ended = await run(prune('with-own', ...listen, ...args), folder.path, environment);
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('removed 2 blocks')]);
    expect(read(folder, 'with-own/result.json')).toBe(undisturbed);
  });

  it('takes new certificates and tokens without a restart, and turns away the old ones in one line', async () => {
    const before = new CertificateAuthority('authority-before');
    before.write(folder.path);
    before.issue(folder.path, 'rotated');
    copyFileSync(at('token'), at('rotated-token'));
    chmodSync(at('rotated-token'), 0o600);
    const own = ['--tls-cert', 'rotated.crt', '--tls-key', 'rotated.key', '--token-file', 'rotated-token'];
    const coordinator = start(prune('rotated', '--listen', `0.0.0.0:${port}`, ...own), folder.path);
    await coordinator.says('waiting for workers');

    writeFileSync(at('rotated-token'), `${NEW_TOKEN}\n`);
    authority.issue(folder.path, 'rotated');
    await new Promise((resolve) => setTimeout(resolve, 1100));

    const distrustful = start(
      dial('--tls-ca', 'authority-before.crt', '--token-file', 'rotated-token'),
      folder.path,
    );
    await distrustful.says(/its certificate is of no authority in authority-before\.crt: give --tls-ca/);
    distrustful.kill('SIGTERM');
    const late = await run(dial('--tls-ca', 'authority.crt', '--token-file', 'token'), folder.path);
    expect([late.code, errorLine(late)]).toEqual([
      1,
      `refused by coordinator localhost:${port}: it does not accept this token: give the one that the coordinator was given`,
    ]);
    await coordinator.says(/it shows a token that is not accepted[^\n]*"msg":"worker refused"/);

    const worker = start(dial('--tls-ca', 'authority.crt', '--token-file', 'rotated-token'), folder.path);
    expect((await coordinator.ended).code).toBe(0);
    expect(read(folder, 'rotated/result.json')).toBe(undisturbed);
    expect((await worker.endsSoon()).code).toBe(0);
  });

  it('takes the token from the environment, and needs no other flag on a network that is trusted', async () => {
    const environment = { BLOCKPRUNER_TOKEN: TOKEN, BLOCKPRUNER_INSECURE: '1' };
    const coordinator = start(prune('trusted', '--listen', `0.0.0.0:${port}`), folder.path, environment);
    await coordinator.says(/--connect [^ ]+:\d+ --insecure --token-file <token>"/);
    const stranger = await run(dial('--insecure'), folder.path);
    expect([stranger.code, errorLine(stranger)]).toEqual([
      1,
      expect.stringContaining('it wants a token: give --token-file, or set BLOCKPRUNER_TOKEN'),
    ]);
    const worker = start(dial(), folder.path, environment);
    expect((await coordinator.ended).code).toBe(0);
    expect(read(folder, 'trusted/result.json')).toBe(undisturbed);
    expect((await worker.endsSoon()).code).toBe(0);
  });

  it.each([
    [
      ['--listen', '0.0.0.0:0'],
      /^--listen 0\.0\.0\.0:0 without TLS would be open to the network: give --tls-cert/,
    ],
    [
      ['--listen', '0.0.0.0:0', '--tls-cert', 'coordinator.crt', '--tls-key', 'coordinator.key'],
      /would let in whoever/,
    ],
    [['--listen', '127.0.0.1:0', '--token-file', 'nowhere'], /^token file nowhere cannot be read: ENOENT$/],
    [
      ['--listen', '127.0.0.1:0', '--tls-cert', 'coordinator.crt'],
      /^--tls-cert coordinator.crt needs --tls-key too$/,
    ],
  ])('is not opened by %j', async (options, message) => {
    const ended = await run(prune('refused', ...options), folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([2, expect.stringMatching(message)]);
  });

  it('is not dialled in plaintext by itself', async () => {
    const ended = await run(['worker', '--connect', 'coordinator-host:50051'], folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      2,
      expect.stringMatching(/^--connect coordinator-host:50051 without TLS .*--tls-ca .*--insecure/),
    ]);
  });

  it('is not served with a certificate that has expired', async () => {
    const { certFile, keyFile } = authority.issue(folder.path, 'expired', { validDays: -1 });
    const options = ['--listen', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile];
    const ended = await run(prune('expired', ...options), folder.path);
    expect([ended.code, errorLine(ended)]).toEqual([
      2,
      expect.stringMatching(/expired\.crt expired on \d{4}-\d\d-\d\d: renew it$/),
    ]);
  });
});
