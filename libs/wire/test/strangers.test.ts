import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CertificateAuthority, temporaryFolder, waitFor } from '@blockpruner/testkit';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { FLEET_SERVICE } from '../src/fleet-proto.ts';
import { MAX_CONNECTION_CALLS, MAX_STRANGER_BYTES, MAX_STRANGERS } from '../src/limits.ts';
import type { ServerSecurity } from '../src/security.ts';
import { encodeWorkerMessage } from '../src/worker-codec.ts';
import { hello, RawWorker, startServer, welcome } from './peers.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const TOKEN: ServerSecurity = { tokens: () => ['0123456789abcdef-token'] };
const AUTHORIZED: IncomingHttpHeaders = { authorization: 'Bearer 0123456789abcdef-token' };

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const folder = temporaryFolder();
const tls = new CertificateAuthority('authority').issue(folder.path, 'coordinator');
afterAll(() => folder.remove());

async function listen(security: ServerSecurity, helloDeadlineMs = 60_000) {
  const started = await startServer({ closeGraceMs: 100, helloDeadlineMs }, 0, security);
  endings.push(() => started.server.close());
  return started;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  endings.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function session(port: number): ClientHttp2Session {
  // By default Node's own client gives up a stream when so much waits to be sent.
  const options = { maxSessionMemory: 1000, maxSendHeaderBlockLength: 2 ** 30 };
  const client = connectHttp2(`http://127.0.0.1:${port}`, options).on('error', () => undefined);
  endings.push(() => client.destroy());
  return client;
}

/** A call as gRPC makes one. */
function callOn(client: ClientHttp2Session, headers: IncomingHttpHeaders = {}) {
  const stream = client.request({
    ':method': 'POST',
    ':path': FLEET_SERVICE.Work.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => undefined);
  return stream;
}

/** A message as gRPC frames it, its length as it says. */
function framed(payload: Buffer, saidBytes = payload.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(saidBytes, 1);
  return Buffer.concat([head, payload]);
}

/** However it came to that: being reset is an error for some. */
async function closed(socket: Socket | ClientHttp2Session): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
}

/** A worker on a port that wants no token is let in, and hears its welcome. */
async function isServed({ port, events }: Awaited<ReturnType<typeof listen>>): Promise<void> {
  const worker = new RawWorker(port).read();
  endings.push(() => worker.close());
  worker.call.write(encodeWorkerMessage(hello));
  let event = await events.next();
  while (event.on === 'rejected') event = await events.next();
  if (event.on !== 'hello') throw new Error(`expected a hello, but it was: ${event.on}`);
  event.connection.send(welcome);
  expect(await worker.messages.next()).toEqual(welcome);
}

describe('a stranger on the port', () => {
  it.each<[string, (socket: Socket) => unknown]>([
    ['says nothing', () => undefined],
    ['half-closes and stays', (socket) => socket.end()],
    ['drips the preface byte by byte', (socket) => drip(socket, Buffer.from(PREFACE.repeat(100)))],
    ['drips a frame after the preface', (socket) => drip(socket, Buffer.from(PREFACE), randomBytes(4000))],
    ['sends the preface and no call', (socket) => socket.write(PREFACE)],
    ['begins a TLS handshake', (socket) => socket.write(Buffer.from('160301020001', 'hex'))],
  ])('is cut off when it %s', async (_, act) => {
    const coordinator = await listen({}, 200);
    const socket = await open(coordinator.port);
    socket.resume();
    act(socket);
    await closed(socket);
    await isServed(coordinator);
  });

  it.each<[string, Buffer]>([
    ['random bytes', randomBytes(5000)],
    ['random bytes for frames', Buffer.concat([Buffer.from(PREFACE), randomBytes(5000)])],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
    ['a frame of 16 MiB', Buffer.concat([Buffer.from(PREFACE), Buffer.from('ffffff000000000001', 'hex')])],
  ])('is cut off when it sends %s', async (_, bytes) => {
    const coordinator = await listen({});
    const socket = await open(coordinator.port);
    socket.resume();
    socket.write(bytes);
    await closed(socket);
    await isServed(coordinator);
  });

  it('is cut off and reported when it sends much before its hello', async () => {
    const coordinator = await listen({});
    const client = session(coordinator.port);
    const call = callOn(client);
    const message = framed(Buffer.alloc(4 * MAX_STRANGER_BYTES), 32 * 1024 * 1024);
    call.write(message);
    await closed(client);
    expect(await coordinator.events.next()).toMatchObject({
      on: 'rejected',
      reason: expect.stringMatching(
        /^(sent \d+ bytes before it said who it is; 131072 are allowed|.* broke off)/,
      ) as string,
    });
    await isServed(coordinator);
  });

  it('gets nowhere with a megabyte of headers', async () => {
    const coordinator = await listen({});
    const client = session(coordinator.port);
    await once(client, 'remoteSettings');
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x-${i}`, 'x'.repeat(1000)]));
    const call = callOn(client, many);
    let isAnswered = false;
    call.on('data', () => (isAnswered = true));
    call.write(framed(encodeWorkerMessage(hello)));
    await new Promise((resolve) => call.on('close', resolve));
    expect(isAnswered).toBe(false);
    expect(coordinator.events.unread.filter(({ on }) => on === 'hello')).toEqual([]);
    await isServed(coordinator);
  });

  it('makes room for others once more wait than may: the one that waits longest goes', async () => {
    const coordinator = await listen({});
    const sockets: Socket[] = [];
    for (let i = 0; i < MAX_STRANGERS + 10; i++) sockets.push(await open(coordinator.port));
    for (const socket of sockets) socket.resume();
    await waitFor(() => sockets.filter((socket) => socket.closed).length === 10, { timeoutMs: 30_000 });
    expect(sockets.slice(0, 10).every((socket) => socket.closed)).toBe(true);
    expect(await coordinator.events.next()).toMatchObject({
      on: 'rejected',
      reason: `more than ${MAX_STRANGERS} peers had not yet said who they are`,
    });
    await isServed(coordinator);
  });

  it('never costs a worker its connection', async () => {
    const { port, nextHello, events } = await listen({}, 200);
    const worker = new RawWorker(port).read();
    endings.push(() => worker.close());
    worker.call.write(encodeWorkerMessage(hello));
    const connection = await nextHello();
    const sockets: Socket[] = [];
    for (let i = 0; i < MAX_STRANGERS + 10; i++) sockets.push(await open(port));
    for (const socket of sockets) socket.resume();
    await waitFor(() => sockets.every((socket) => socket.closed), { timeoutMs: 60_000 });
    connection.send(welcome);
    expect(await worker.messages.next()).toEqual(welcome);
    worker.call.write(encodeWorkerMessage({ kind: 'heartbeat', taskId: null }));
    let heard = await events.next();
    while (heard.on === 'rejected') heard = await events.next();
    expect(heard).toEqual({ on: 'message', connection, message: { kind: 'heartbeat', taskId: null } });
  });
});

describe('a stranger on a port with TLS', () => {
  it.each<[string, (socket: Socket) => unknown]>([
    ['says nothing', () => undefined],
    [
      'drips a handshake',
      (socket) => drip(socket, Buffer.from('16030101fe010001fa0303', 'hex'), Buffer.alloc(500)),
    ],
    ['sends random bytes', (socket) => socket.write(randomBytes(5000))],
    ['sends plaintext', (socket) => socket.write(PREFACE)],
  ])('is cut off when it %s', async (_, act) => {
    const { port } = await listen({ tls, ...TOKEN }, 200);
    const socket = await open(port);
    socket.resume();
    act(socket);
    await closed(socket);
  });

  it('is cut off when it says nothing after the handshake, or sends much', async () => {
    const { port, events } = await listen({ tls, ...TOKEN }, 200);
    const secured = (): Socket =>
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }).on(
        'error',
        () => undefined,
      );
    const silent = secured().resume();
    await closed(silent);
    expect(await events.next()).toMatchObject({
      on: 'rejected',
      reason: 'did not say who it is within 2200 ms',
    });
    const loud = secured().resume();
    await once(loud, 'secureConnect');
    const settings = Buffer.from('000000040000000000', 'hex');
    const ping = Buffer.from('0000080600000000000000000000000000', 'hex');
    loud.write(Buffer.concat([Buffer.from(PREFACE), settings]));
    const timer = setInterval(() => loud.write(Buffer.concat(new Array<Buffer>(1000).fill(ping))), 10);
    endings.push(() => clearInterval(timer));
    await closed(loud);
    expect(await events.next()).toMatchObject({
      on: 'rejected',
      reason: expect.stringMatching(
        /^sent \d+ bytes before it said who it is; 131072 are allowed$/,
      ) as string,
    });
  });
});

describe('a stranger without the token', () => {
  it('is told so in each of a thousand calls, none of which a service hears of', async () => {
    const { port, events } = await listen(TOKEN);
    let refused = 0;
    for (let i = 0; i < 1000; i += MAX_CONNECTION_CALLS) {
      const client = session(port);
      await once(client, 'connect');
      const calls = Array.from({ length: MAX_CONNECTION_CALLS }, () => callOn(client));
      const responses = calls.map((call) => once(call, 'response') as Promise<[IncomingHttpHeaders]>);
      for (const call of calls) call.end(framed(encodeWorkerMessage(hello)));
      for (const [headers] of await Promise.all(responses)) if (headers['grpc-status'] === '16') refused++;
      client.destroy();
    }
    expect(refused).toBe(1000);
    expect(events.unread.every(({ on }) => on === 'rejected')).toBe(true);
    expect(events.unread).toHaveLength(20);
  });

  it('has nothing of its message read, whatever its length', async () => {
    const { port, events } = await listen(TOKEN);
    const client = session(port);
    const call = callOn(client);
    const answer = new Promise((resolve) => {
      call.on('response', (headers: IncomingHttpHeaders) => resolve(headers['grpc-status']));
      call.on('close', () => resolve('cut off')); // with the answer still on its way
    });
    for (let i = 0; i < 64; i++) call.write(framed(Buffer.alloc(1024 * 1024), 32 * 1024 * 1024));
    expect(['16', 'cut off']).toContain(await answer);
    await closed(client);
    expect(events.unread).toMatchObject([{ on: 'rejected', reason: 'it shows no token' }]);
  });

  it('cannot hold more calls open than a connection may', async () => {
    const { port, nextHello } = await listen(TOKEN);
    const client = session(port);
    await once(client, 'remoteSettings');
    expect(client.remoteSettings.maxConcurrentStreams).toBe(MAX_CONNECTION_CALLS);
    const call = callOn(client, AUTHORIZED);
    call.write(framed(encodeWorkerMessage(hello)));
    expect(await nextHello()).toBeDefined();
  });
});

/** One byte every 20 ms, for as long as the other side listens. */
function drip(socket: Socket, bytes: Buffer, slowly: Buffer = bytes): void {
  if (slowly !== bytes) socket.write(bytes);
  let at = 0;
  const timer = setInterval(() => socket.write(slowly.subarray(at, ++at)), 20);
  socket.on('close', () => clearInterval(timer));
}
