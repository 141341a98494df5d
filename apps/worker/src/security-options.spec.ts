import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, temporaryFolder } from '@blockpruner/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { GivenOptions } from './given-options.ts';
import { parseSecurity as parseGiven, SECURITY_FLAGS, SECURITY_HELP } from './security-options.ts';
import { WorkerUsageError } from './usage-error.ts';

const TOKEN = '0123456789abcdef-token';
const LOCAL = '127.0.0.1:50051';
const REMOTE = 'coordinator-host:50051';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const authority = new CertificateAuthority('authority');
const caFile = authority.write(folder.path);
const { certFile, keyFile } = authority.issue(folder.path, 'worker');
const expired = authority.issue(folder.path, 'expired', { validDays: -1 });
const tokens = join(folder.path, 'tokens');
writeFileSync(tokens, `${TOKEN}\nanother-token-0123456789\n`, { mode: 0o600 });

type Flags = { [Name in keyof typeof SECURITY_FLAGS]?: string | boolean };

const parseSecurity = (connect: string, flags: Flags, environment: NodeJS.ProcessEnv) =>
  parseGiven(connect, new GivenOptions(flags, environment), environment.BLOCKPRUNER_TOKEN);

describe('parseSecurity', () => {
  it('dials this machine in plaintext, and another one when told so', () => {
    expect(parseSecurity(LOCAL, {}, {}).security).toEqual({ tls: undefined, token: undefined });
    expect(parseSecurity(REMOTE, { insecure: true }, {}).security.tls).toBeUndefined();
    expect(parseSecurity(REMOTE, {}, { BLOCKPRUNER_INSECURE: 'true' }).security.tls).toBeUndefined();
  });

  it('refuses to dial another machine in plaintext otherwise, and names the ways out', () => {
    for (const flags of [{}, { 'token-file': tokens }]) {
      const parse = (): unknown => parseSecurity(REMOTE, flags, { BLOCKPRUNER_INSECURE: '0' });
      expect(parse).toThrow(WorkerUsageError);
      expect(parse).toThrow(/^--connect coordinator-host:50051 without TLS .*--tls-ca .*--tls .*--insecure/);
    }
  });

  it('takes TLS from flags, and from the environment where there is no flag', () => {
    expect(parseSecurity(REMOTE, { tls: true }, {}).security.tls).toEqual({});
    const flags = { 'tls-ca': caFile, 'tls-cert': certFile, 'tls-key': keyFile, 'tls-server-name': 'x' };
    const tls = { caFile, certFile, keyFile, serverName: 'x' };
    expect(parseSecurity(REMOTE, flags, {}).security.tls).toEqual(tls);
    const environment = {
      BLOCKPRUNER_TLS_CA: caFile,
      BLOCKPRUNER_TLS_CERT: certFile,
      BLOCKPRUNER_TLS_KEY: keyFile,
      BLOCKPRUNER_TLS_SERVER_NAME: 'y',
    };
    expect(parseSecurity(REMOTE, { 'tls-server-name': 'x' }, environment).security.tls).toEqual(tls);
    expect(parseSecurity(REMOTE, {}, { BLOCKPRUNER_TLS: '1' }).security.tls).toEqual({});
  });

  it('takes the first token of a file, or the one of the environment', () => {
    expect(parseSecurity(LOCAL, { 'token-file': tokens }, {}).security.token?.()).toBe(TOKEN);
    expect(parseSecurity(LOCAL, {}, { BLOCKPRUNER_TOKEN_FILE: tokens }).security.token?.()).toBe(TOKEN);
    expect(parseSecurity(LOCAL, {}, { BLOCKPRUNER_TOKEN: `${TOKEN}\n` }).security.token?.()).toBe(TOKEN);
  });

  it('warns of a token file that others can read', () => {
    const open = join(folder.path, 'open');
    writeFileSync(open, TOKEN);
    chmodSync(open, 0o644);
    expect(parseSecurity(LOCAL, { 'token-file': open }, {}).warnings).toEqual([
      `token file ${open} can be read by others: chmod 600 ${open}`,
    ]);
    expect(parseSecurity(LOCAL, { 'token-file': tokens }, {}).warnings).toEqual([]);
  });

  it.each([
    [{ 'tls-cert': certFile }, '--tls-cert needs --tls-key too'],
    [{ 'tls-key': keyFile }, '--tls-key needs --tls-cert too'],
    [{ tls: true, insecure: true }, '--insecure means no TLS: leave it out, or the options'],
    [{ 'tls-ca': '/nowhere' }, '/nowhere cannot be read: ENOENT'],
    [{ 'tls-ca': tokens }, `${tokens} holds no certificate`],
    [{ 'tls-cert': expired.certFile, 'tls-key': expired.keyFile }, 'expired on '],
    [{ 'token-file': '/nowhere' }, 'token file /nowhere cannot be read: ENOENT'],
    [{ 'token-file': certFile }, 'holds a token with a space'],
  ])('refuses %j', (flags, message) => {
    const parse = (): unknown => parseSecurity(LOCAL, flags, {});
    expect(parse).toThrow(WorkerUsageError);
    expect(parse).toThrow(message);
  });

  it('refuses a short token of the environment without showing it', () => {
    const parse = (): unknown => parseSecurity(LOCAL, {}, { BLOCKPRUNER_TOKEN: 'hunter2' });
    expect(parse).toThrow('BLOCKPRUNER_TOKEN holds a token of 7 characters: it must have 16 to 1024');
    expect(parse).not.toThrow('hunter2');
  });

  it('has a help for each of its flags', () => {
    for (const flag of Object.keys(SECURITY_FLAGS))
      expect(SECURITY_HELP).toMatch(new RegExp(`^  --${flag} `, 'm'));
  });
});
