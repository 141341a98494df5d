import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, temporaryFolder } from '@blockpruner/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { planRemotePort, type RemotePortSettings } from './remote-port.ts';
import { UsageError } from './usage-error.ts';

const TOKEN = '0123456789abcdef-token';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const authority = new CertificateAuthority('authority');
const tlsClientCa = authority.write(folder.path);
const own = authority.issue(folder.path, 'coordinator');
const expired = authority.issue(folder.path, 'expired', { validDays: -1 });
const tls = { tlsCert: own.certFile, tlsKey: own.keyFile };
const tokenFile = join(folder.path, 'tokens');
writeFileSync(tokenFile, `${TOKEN}\nanother-token-0123456789\n`, { mode: 0o600 });

const plan = (settings: RemotePortSettings, environment: NodeJS.ProcessEnv = {}) =>
  planRemotePort(settings, environment);

describe('planRemotePort', () => {
  it('opens no port without --listen', () => {
    expect(plan({ ...tls, tokenFile })).toBeNull();
  });

  it.each<[string, RemotePortSettings, string[]]>([
    ['127.0.0.1:50051', {}, []],
    ['[::1]:50051', { tokenFile }, ['--token-file <token>']],
    ['localhost:50051', tls, ['--tls-ca <ca.crt>']],
    ['0.0.0.0:50051', { insecure: true }, ['--insecure']],
    ['50051', { insecure: true, tokenFile }, ['--insecure', '--token-file <token>']],
    ['0.0.0.0:50051', { ...tls, insecure: true }, ['--tls-ca <ca.crt>']],
    ['0.0.0.0:50051', { ...tls, tokenFile }, ['--tls-ca <ca.crt>', '--token-file <token>']],
    [
      '0.0.0.0:50051',
      { ...tls, tlsClientCa },
      ['--tls-ca <ca.crt>', '--tls-cert <worker.crt> --tls-key <worker.key>'],
    ],
  ])('opens %s, and knows what a worker needs: %j', (listen, settings, flags) => {
    expect(plan({ listen, ...settings })).toMatchObject({ port: 50_051, workerFlags: flags });
  });

  it.each<[string, RemotePortSettings]>([
    ['0.0.0.0:50051', {}],
    ['50051', {}],
    ['[::]:50051', { tokenFile }],
    ['node-7:50051', { tokenFile }],
  ])('does not open %s without TLS, and names the ways out', (listen, settings) => {
    const open = (): unknown => plan({ listen, ...settings });
    expect(open).toThrow(UsageError);
    expect(open).toThrow(/^--listen \S+ without TLS .*--tls-cert and --tls-key .*127\.0\.0\.1.*--insecure/);
  });

  it('does not open a port of the network that asks nobody who he is', () => {
    const open = (): unknown => plan({ listen: '0.0.0.0:50051', ...tls });
    expect(open).toThrow(UsageError);
    expect(open).toThrow(
      /^--listen 0\.0\.0\.0:50051 would let in .*--token-file or --tls-client-ca.*--insecure/,
    );
  });

  it('accepts every token of the file, or the one of the environment', () => {
    const listen = '127.0.0.1:0';
    expect(plan({ listen, tokenFile })?.security.tokens?.()).toEqual([TOKEN, 'another-token-0123456789']);
    expect(plan({ listen }, { BLOCKPRUNER_TOKEN: TOKEN })?.security.tokens?.()).toEqual([TOKEN]);
  });

  it('warns of a token file that others can read', () => {
    const open = join(folder.path, 'open');
    writeFileSync(open, TOKEN);
    chmodSync(open, 0o644);
    expect(plan({ listen: '127.0.0.1:0', tokenFile: open })?.warnings).toEqual([
      `token file ${open} can be read by others: chmod 600 ${open}`,
    ]);
  });

  it.each<[RemotePortSettings, string]>([
    [{ tlsCert: own.certFile }, `--tls-cert ${own.certFile} needs --tls-key too`],
    [{ tlsKey: own.keyFile }, `--tls-key ${own.keyFile} needs --tls-cert too`],
    [{ tlsClientCa }, `--tls-client-ca ${tlsClientCa} needs --tls-cert and --tls-key too`],
    [{ ...tls, tlsClientCa: '/nowhere' }, '/nowhere cannot be read: ENOENT'],
    [{ tlsCert: expired.certFile, tlsKey: expired.keyFile }, 'expired on '],
    [{ tlsCert: own.certFile, tlsKey: expired.keyFile }, 'is not that of the certificate in '],
    [{ tokenFile: '/nowhere' }, 'token file /nowhere cannot be read: ENOENT'],
  ])('refuses %j', (settings, message) => {
    const open = (): unknown => plan({ listen: '127.0.0.1:0', ...settings });
    expect(open).toThrow(UsageError);
    expect(open).toThrow(message);
  });
});
