import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpFaultProxy } from './tcp-fault-proxy.ts';
import { waitFor } from './wait-for.ts';

const SOON = { timeoutMs: 20_000 };

/** One end of a connection, and what has come out of it. */
interface End {
  readonly socket: Socket;
  readonly received: Buffer[];
  hasEnded: boolean;
  error: string | undefined;
}

function endOf(socket: Socket): End {
  const end: End = { socket, received: [], hasEnded: false, error: undefined };
  socket.on('data', (bytes: Buffer) => end.received.push(bytes));
  socket.on('end', () => (end.hasEnded = true));
  socket.on('error', (error: NodeJS.ErrnoException) => (end.error = error.code));
  return end;
}

const textOf = (end: End): string => Buffer.concat(end.received).toString();
const hears = (end: End, text: string): Promise<void> => waitFor(() => textOf(end) === text, SOON);

describe('TcpFaultProxy', () => {
  let target: Server;
  let proxy: TcpFaultProxy;
  let accepted: End[];
  let dialled: End[];

  beforeEach(async () => {
    accepted = [];
    dialled = [];
    target = createServer({ allowHalfOpen: true }, (socket) => accepted.push(endOf(socket)));
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
    proxy = await TcpFaultProxy.start((target.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const { socket } of dialled) socket.destroy();
    await proxy.close();
    target.close();
    for (const { socket } of accepted) socket.destroy();
  });

  function dial(): End {
    const client = endOf(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
    dialled.push(client);
    return client;
  }

  /** A connection with both of its ends. */
  async function pair(): Promise<{ client: End; server: End }> {
    const client = dial();
    const count = accepted.length;
    await waitFor(() => accepted.length > count, SOON);
    return { client, server: accepted[count] };
  }

  it('passes bytes both ways, and an end', async () => {
    const { client, server } = await pair();
    client.socket.write('up');
    await hears(server, 'up');
    server.socket.end('down');
    await hears(client, 'down');
    await waitFor(() => client.hasEnded, SOON);
    client.socket.end('more');
    await hears(server, 'upmore');
    await waitFor(() => proxy.openCount === 0, SOON);
  });

  it('delays each direction by itself, and keeps the order under jitter', async () => {
    const { client, server } = await pair();
    proxy.set({ latencyMs: 150, jitterMs: 50 }, 'up');
    const startMs = performance.now();
    const letters = [...'in the order in which they were sent'];
    for (const letter of letters) {
      client.socket.write(letter);
      await new Promise(setImmediate);
    }
    server.socket.write('at once');
    await hears(client, 'at once');
    await hears(server, letters.join(''));
    expect(performance.now() - startMs).toBeGreaterThan(149);
  });

  it('throttles', async () => {
    const { client, server } = await pair();
    proxy.set({ bytesPerSecond: 100_000 }, 'up');
    const startMs = performance.now();
    const sent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));
    client.socket.write(sent);
    await waitFor(() => Buffer.concat(server.received).length === sent.length, SOON);
    expect(Buffer.concat(server.received).equals(sent)).toBe(true);
    expect(performance.now() - startMs).toBeGreaterThan(400);
  });

  it('holds bytes back, and an end, until they may pass', async () => {
    const { client, server } = await pair();
    proxy.set({ flow: 'hold' });
    client.socket.end('held');
    server.socket.write('held too');
    const late = await pair();
    late.client.socket.write('of a later connection');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([textOf(server), textOf(client), textOf(late.server), server.hasEnded]).toEqual([
      '',
      '',
      '',
      false,
    ]);
    proxy.heal();
    await Promise.all([
      hears(server, 'held'),
      hears(client, 'held too'),
      hears(late.server, 'of a later connection'),
    ]);
    await waitFor(() => server.hasEnded, SOON);
  });

  it('takes back no more than a bounded number of bytes while it holds them', async () => {
    const { client, server } = await pair();
    proxy.set({ flow: 'hold' });
    const sent = Buffer.alloc(2 ** 25, 7);
    let hasLeft = false;
    client.socket.write(sent, () => (hasLeft = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(hasLeft).toBe(false);
    proxy.heal();
    const lengthOf = (end: End): number => end.received.reduce((sum, { length }) => sum + length, 0);
    await waitFor(() => lengthOf(server) === sent.length, SOON);
  });

  it('swallows everything, for good on a connection that has lost bytes', async () => {
    const { client, server } = await pair();
    const idle = await pair();
    proxy.set({ flow: 'drop' });
    const swallowed = await pair();
    for (const { socket } of [client, swallowed.client]) socket.write('lost');
    await waitFor(() => client.socket.bytesWritten === 4, SOON);
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.heal();
    client.socket.write('behind it');
    idle.client.socket.write('whole');
    await hears(idle.server, 'whole');
    const next = await pair();
    next.client.socket.write('new');
    await hears(next.server, 'new');
    expect([textOf(server), textOf(swallowed.server)]).toEqual(['', '']);
    expect([client.hasEnded, client.error, proxy.openCount]).toEqual([false, undefined, 4]);
    server.socket.write('the other way');
    await hears(client, 'the other way');
  });

  it('does not tell one side that the other is gone while it drops', async () => {
    const { client, server } = await pair();
    proxy.set({ flow: 'drop' });
    client.socket.resetAndDestroy();
    await waitFor(() => proxy.openCount === 0, SOON);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([server.hasEnded, server.error, server.socket.destroyed]).toEqual([false, undefined, false]);
  });

  it('ends one direction alone', async () => {
    const { client, server } = await pair();
    client.socket.write('before');
    await hears(server, 'before');
    proxy.halfClose('up');
    await waitFor(() => server.hasEnded, SOON);
    client.socket.write('after');
    server.socket.write('still heard');
    await hears(client, 'still heard');
    expect([textOf(server), client.hasEnded]).toEqual(['before', false]);
  });

  it('resets every connection, and takes new ones', async () => {
    const { client, server } = await pair();
    proxy.reset();
    await waitFor(() => client.error === 'ECONNRESET' && server.error === 'ECONNRESET', SOON);
    const next = await pair();
    next.client.socket.write('new');
    await hears(next.server, 'new');
    expect([proxy.openCount, proxy.acceptedCount]).toEqual([1, 2]);
  });

  it('passes a reset on', async () => {
    const { client, server } = await pair();
    server.socket.resetAndDestroy();
    await waitFor(() => client.error === 'ECONNRESET', SOON);
  });

  it('refuses new connections and keeps those there are, then listens on the same port again', async () => {
    const { client, server } = await pair();
    const { port } = proxy;
    proxy.refuse();
    const refused = dial();
    await waitFor(() => refused.error === 'ECONNREFUSED', SOON);
    client.socket.write('still there');
    await hears(server, 'still there');
    await proxy.accept();
    expect(proxy.port).toBe(port);
    const next = await pair();
    next.client.socket.write('new');
    await hears(next.server, 'new');
  });

  it('closes a connection to a target that does not listen', async () => {
    const nobody = await TcpFaultProxy.start(1);
    const client = endOf(connect(nobody.port, '127.0.0.1'));
    await waitFor(() => client.socket.destroyed, SOON);
    await nobody.close();
  });
});
