import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, temporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { tokenFile } from '../src/access-token.ts';
import { FleetClient, type CloseReason } from '../src/client.ts';
import type { CoordinatorMessage } from '../src/message.ts';
import type { ClientSecurity, ServerSecurity } from '../src/security.ts';
import { Events, hello, startServer, welcome } from './peers.ts';

const folder = temporaryFolder();
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => folder.remove());

const authority = new CertificateAuthority('authority');
const stranger = new CertificateAuthority('stranger');
const caFile = authority.write(folder.path);
const strangerCaFile = stranger.write(folder.path);
const coordinator = authority.issue(folder.path, 'coordinator');
const elsewhere = authority.issue(folder.path, 'elsewhere', { names: ['coordinator.example'] });
const worker = authority.issue(folder.path, 'worker');
const strangeWorker = stranger.issue(folder.path, 'strange-worker');
const expired = authority.issue(folder.path, 'expired', { validDays: -1 });

const TOKEN = '0123456789abcdef-token';
const mutual: ServerSecurity = { tls: { ...coordinator, clientCaFile: caFile } };

async function listen(security: ServerSecurity) {
  const started = await startServer({ closeGraceMs: 100 }, 0, security);
  endings.push(() => started.server.close());
  return started;
}

type ClientEvent = CoordinatorMessage | CloseReason;

/** A client that dials once, unless it is told to `dialAgain`. */
function dial(port: number, security: ClientSecurity, host = '127.0.0.1') {
  const events = new Events<ClientEvent>();
  let again: () => void = () => undefined;
  const client = new FleetClient({
    address: `${host}:${port}`,
    security,
    hello: () => hello,
    handlers: { onMessage: (message) => events.push(message), onClosed: (reason) => events.push(reason) },
    closeGraceMs: 100,
    schedule: (callback) => {
      again = callback;
      return () => undefined;
    },
  });
  endings.push(() => client.close());
  client.connect();
  return { client, events, dialAgain: () => again() };
}

describe('a worker that may come in', () => {
  it.each<[string, ServerSecurity, ClientSecurity, string?]>([
    ['by TLS, at an IP address', { tls: coordinator }, { tls: { caFile } }],
    ['by TLS, at a host name', { tls: coordinator }, { tls: { caFile } }, 'localhost'],
    [
      'by TLS, under another name',
      { tls: elsewhere },
      { tls: { caFile, serverName: 'coordinator.example' } },
    ],
    ['by its certificate', mutual, { tls: { caFile, ...worker } }],
    ['by a token in plaintext', { tokens: () => [TOKEN] }, { token: () => TOKEN }],
    ['by one of two tokens', { tokens: () => ['another-token-012345', TOKEN] }, { token: () => TOKEN }],
    [
      'by all of them',
      { ...mutual, tokens: () => [TOKEN] },
      { tls: { caFile, ...worker }, token: () => TOKEN },
    ],
  ])('does so %s', async (_, serverSecurity, clientSecurity, host) => {
    const { port, nextHello } = await listen(serverSecurity);
    const { events } = dial(port, clientSecurity, host);
    (await nextHello()).send(welcome);
    expect(await events.next()).toEqual(welcome);
  });
});

describe('a worker that may not come in', () => {
  it.each<[string, ServerSecurity, ClientSecurity, CloseReason['kind'], string]>([
    ['that speaks TLS to plaintext', {}, { tls: { caFile } }, 'unreachable', 'it speaks no TLS: start it'],
    [
      'that speaks plaintext to TLS',
      { tls: coordinator },
      {},
      'unreachable',
      'it closes a plaintext connection at once: if it was started with --tls-cert, give --tls-ca here',
    ],
    [
      'that trusts another authority',
      { tls: coordinator },
      { tls: { caFile: strangerCaFile } },
      'unreachable',
      `its certificate is of no authority in ${strangerCaFile}: give --tls-ca`,
    ],
    [
      'that trusts the authorities of its machine',
      { tls: coordinator },
      { tls: {} },
      'unreachable',
      'its certificate is of no authority in the list of this machine: give --tls-ca',
    ],
    [
      'that dials an address the certificate is not for',
      { tls: elsewhere },
      { tls: { caFile } },
      'unreachable',
      'its certificate is not for the host that was dialled: dial a host that it names, or give',
    ],
    [
      'that expects another name',
      { tls: coordinator },
      { tls: { caFile, serverName: 'coordinator.example' } },
      'unreachable',
      'its certificate is not for coordinator.example',
    ],
    [
      'that has no certificate',
      mutual,
      { tls: { caFile } },
      'unreachable',
      'it demands a certificate of this worker: give --tls-cert and --tls-key',
    ],
    [
      'whose certificate is of another authority',
      mutual,
      { tls: { caFile, ...strangeWorker } },
      'unreachable',
      `it does not accept the certificate in ${strangeWorker.certFile}`,
    ],
    [
      'whose certificate has expired',
      mutual,
      { tls: { caFile, ...expired } },
      'unreachable',
      `the certificate in ${expired.certFile} expired on `,
    ],
    [
      'that shows no token',
      { tokens: () => [TOKEN] },
      {},
      'refused',
      'it wants a token: give --token-file, or set BLOCKPRUNER_TOKEN',
    ],
    [
      'that shows another token',
      { tokens: () => [TOKEN] },
      { token: () => `${TOKEN}s` },
      'refused',
      'it does not accept this token: give the one that the coordinator was given',
    ],
  ])('is told why: one %s', async (_, serverSecurity, clientSecurity, kind, text) => {
    const { port, events: heard } = await listen(serverSecurity);
    const { events } = dial(port, clientSecurity);
    const closed = await events.next();
    expect(closed).toMatchObject({ kind, reason: expect.stringContaining(text) as string });
    expect((closed as CloseReason).reason).toMatch(/^coordinator 127\.0\.0\.1:\d+: [^\n]{1,380}$/);
    expect((closed as CloseReason).reason).not.toContain(TOKEN);
    expect(heard.unread.filter(({ on }) => on !== 'rejected')).toEqual([]);
  });

  it.each<[string, ServerSecurity, ClientSecurity, string]>([
    ['no token', { tokens: () => [TOKEN] }, {}, 'it shows no token'],
    [
      'the wrong token',
      { tokens: () => [TOKEN] },
      { token: () => `${TOKEN}s` },
      'it shows a token that is not accepted',
    ],
    ['no TLS', { tls: coordinator }, {}, 'it speaks no TLS, and this port speaks nothing else'],
    [
      'no certificate',
      mutual,
      { tls: { caFile } },
      'it shows no certificate, and --tls-client-ca demands one',
    ],
    [
      'a certificate of another authority',
      mutual,
      { tls: { caFile, ...strangeWorker } },
      'its certificate is not accepted: UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
  ])('is reported by the coordinator: one with %s', async (_, serverSecurity, clientSecurity, reason) => {
    const { port, events } = await listen(serverSecurity);
    dial(port, clientSecurity);
    expect(await events.next()).toMatchObject({ on: 'rejected', reason });
  });
});

describe('a coordinator', () => {
  it('does not start on files that cannot be used', async () => {
    await expect(listen({ tls: expired })).rejects.toMatchObject({
      code: 'bad-credentials',
      message: expect.stringContaining(`the certificate in ${expired.certFile} expired on `) as string,
    });
    const nowhere = join(folder.path, 'nowhere');
    await expect(listen({ tls: { ...coordinator, clientCaFile: nowhere } })).rejects.toMatchObject({
      code: 'bad-credentials',
      message: `${nowhere} cannot be read: ENOENT`,
    });
  });

  it('listens on two ports, each guarded in its own way', async () => {
    const { server, port, nextHello } = await listen({ tls: coordinator });
    const second = await server.listen('127.0.0.1', 0, { tokens: () => [TOKEN] });
    const own = dial(second, { token: () => TOKEN });
    (await nextHello()).send(welcome);
    expect(await own.events.next()).toEqual(welcome);
    const remote = dial(port, { tls: { caFile } });
    (await nextHello()).send(welcome);
    expect(await remote.events.next()).toEqual(welcome);
  });

  it('takes new certificates without a restart, keeps streams that it has, and reports files that it cannot use', async () => {
    const own = { certFile: join(folder.path, 'own.crt'), keyFile: join(folder.path, 'own.key') };
    const install = (files: typeof own): void => {
      copyFileSync(files.certFile, own.certFile);
      copyFileSync(files.keyFile, own.keyFile);
    };
    install(coordinator);
    const { port, events, nextHello } = await listen({ tls: own });
    const early = dial(port, { tls: { caFile } });
    const connection = await nextHello();
    connection.send(welcome);
    await early.events.next();

    writeFileSync(own.certFile, 'half written');
    await lookedAtAgain();
    dial(port, { tls: { caFile } });
    expect(await events.next()).toMatchObject({
      on: 'trouble',
      reason: expect.stringMatching(
        /own\.crt holds no certificate.*; what was there before stays in use$/,
      ) as string,
    });
    await nextHello();

    install(stranger.issue(folder.path, 'renewed'));
    await lookedAtAgain();
    const distrustful = dial(port, { tls: { caFile } });
    expect(await distrustful.events.next()).toMatchObject({ kind: 'unreachable' });
    dial(port, { tls: { caFile: strangerCaFile } });
    await nextHello();

    connection.send({ kind: 'finished' });
    expect(await early.events.next()).toEqual({ kind: 'finished' });
  });

  it('takes new tokens without a restart', async () => {
    const file = join(folder.path, 'token');
    writeFileSync(file, TOKEN);
    const tokens = tokenFile(file);
    const { port, events, nextHello } = await listen({ tokens });
    const shown = tokenFile(file);
    const { events: first, client } = dial(port, { token: () => shown()[0] });
    (await nextHello()).send(welcome);
    expect(await first.next()).toEqual(welcome);
    writeFileSync(file, 'a-new-token-0123456789');
    await lookedAtAgain();
    const late = dial(port, { token: () => TOKEN });
    expect(await late.events.next()).toMatchObject({ kind: 'refused' });
    expect(await events.next()).toMatchObject({ on: 'rejected' });
    dial(port, { token: () => shown()[0] });
    await nextHello();
    client.send({ kind: 'leaving', reason: 'bye' });
    expect(await events.next()).toMatchObject({ on: 'message' });
  });

  it('lets nobody in while its tokens cannot be read, and they try again', async () => {
    const { port, events, nextHello } = await listen({ tokens: tokenFile(join(folder.path, 'late-token')) });
    const { events: heard, dialAgain } = dial(port, { token: () => TOKEN });
    expect(await heard.next()).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('the coordinator cannot read its tokens at the moment') as string,
    });
    expect(await events.next()).toMatchObject({
      on: 'rejected',
      reason: expect.stringContaining('late-token cannot be read: ENOENT') as string,
    });
    writeFileSync(join(folder.path, 'late-token'), TOKEN);
    dialAgain();
    await nextHello();
  });
});

describe('a worker', () => {
  it('takes new certificates and a new token at its next attempt', async () => {
    const own = { certFile: join(folder.path, 'mine.crt'), keyFile: join(folder.path, 'mine.key') };
    let token = 'an-old-token-0123456789';
    const { port, nextHello } = await listen({ ...mutual, tokens: () => [TOKEN] });
    const { events, dialAgain } = dial(port, { tls: { caFile, ...own }, token: () => token });
    expect(await events.next()).toMatchObject({
      kind: 'unreachable',
      retryMs: expect.any(Number) as number,
      reason: expect.stringContaining(`${own.certFile} cannot be read: ENOENT`) as string,
    });
    copyFileSync(worker.certFile, own.certFile);
    copyFileSync(worker.keyFile, own.keyFile);
    token = TOKEN;
    dialAgain();
    (await nextHello()).send(welcome);
    expect(await events.next()).toEqual(welcome);
  });
});

/** The coordinator looks at its files when a connection comes, a second after the last look. */
async function lookedAtAgain(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1100));
}
