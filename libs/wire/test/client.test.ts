import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { FleetClient, type CloseReason, type FleetClientOptions } from '../src/client.ts';
import { coordinatorMessageType, FLEET_SERVICE } from '../src/fleet-proto.ts';
import type { CoordinatorMessage } from '../src/message.ts';
import { Events, hello, ready, startProxy, startServer, taskOf, welcome } from './peers.ts';

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

type ClientEvent = { on: 'message'; message: CoordinatorMessage } | { on: 'closed'; reason: CloseReason };

/** A client whose waits are over at once, unless `redial` is false: then they never are. */
function clientTo(
  port: number,
  { redial = true, ...options }: { redial?: boolean } & Partial<FleetClientOptions> = {},
) {
  const events = new Events<ClientEvent>();
  const waits: { delayMs: number; cancelled: boolean }[] = [];
  const client = new FleetClient({
    address: `127.0.0.1:${port}`,
    hello: () => hello,
    handlers: {
      onMessage: (message) => events.push({ on: 'message', message }),
      onClosed: (reason) => events.push({ on: 'closed', reason }),
    },
    closeGraceMs: 100,
    random: () => 0.5,
    schedule: (callback, delayMs) => {
      const wait = { delayMs, cancelled: false };
      waits.push(wait);
      if (redial) setImmediate(() => !wait.cancelled && callback());
      return () => (wait.cancelled = true);
    },
    ...options,
  });
  endings.push(() => client.close());
  client.connect();
  return { client, events, waits };
}

async function startCoordinator(port?: number) {
  const started = await startServer({ closeGraceMs: 100 }, port);
  endings.push(() => started.server.close());
  return started;
}

/** A gRPC server whose answer to any hello is these bytes, or that has no such service. */
async function startOther(answer: Buffer | null): Promise<number> {
  const server = new Server();
  if (answer) {
    const Work = (call: ServerDuplexStream<Buffer, Buffer>): void => {
      call.on('data', () => call.write(answer));
    };
    server.addService(FLEET_SERVICE, { Work });
  }
  endings.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

describe('a client with its coordinator', () => {
  it('says hello, hears the welcome, and sends', async () => {
    const { port, events: heard, nextHello } = await startCoordinator();
    const { client, events } = clientTo(port);
    const connection = await nextHello();
    connection.send(welcome);
    expect(await events.next()).toEqual({ on: 'message', message: welcome });
    const cells = [{ mask: [1], candidate: 2, row: 0, windowSums: Float64Array.of(1.5, NaN) }];
    client.send({ kind: 'cells', taskId: 't', cells });
    expect(await heard.next()).toEqual({
      on: 'message',
      connection,
      message: { kind: 'cells', taskId: 't', cells },
    });
  });

  it('hears "finished" before the end of the stream', async () => {
    const { port, server, nextHello } = await startCoordinator();
    const { events } = clientTo(port, { redial: false });
    const connection = await nextHello();
    connection.send(welcome);
    connection.send({ kind: 'assign', task: taskOf(50_000) });
    connection.send({ kind: 'finished' });
    await server.close();
    expect(await events.next()).toMatchObject({ message: { kind: 'welcome' } });
    expect(await events.next()).toMatchObject({ message: { kind: 'assign' } });
    expect(await events.next()).toMatchObject({ message: { kind: 'finished' } });
    const reason = `coordinator 127.0.0.1:${port}: it ended the stream`;
    expect(await events.next()).toEqual({ on: 'closed', reason: { kind: 'lost', reason, retryMs: 1000 } });
  });

  it('delivers what was sent before close, and is not told of its own close', async () => {
    const { port, events: heard, nextHello } = await startCoordinator();
    const { client, events } = clientTo(port);
    const connection = await nextHello();
    connection.send(welcome);
    await events.next();
    client.send({ kind: 'leaving', reason: 'interrupted' });
    await client.close();
    const message = { kind: 'leaving', reason: 'interrupted' };
    expect(await heard.next()).toEqual({ on: 'message', connection, message });
    expect(await heard.next()).toEqual({ on: 'closed', connection, reason: 'the worker ended the stream' });
    expect(events.unread).toEqual([]);
  });

  it('dials again when the stream breaks, with a fresh hello', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const proxy = await startProxy(port);
    endings.push(proxy.close);
    let dials = 0;
    const { events, waits } = clientTo(proxy.port, { hello: () => ({ ...hello, threads: ++dials }) });
    (await nextHello()).send(welcome);
    await events.next();
    proxy.cut();
    const reason = expect.stringContaining('the connection broke off, or nothing came') as string;
    expect(await events.next()).toMatchObject({
      on: 'closed',
      reason: { kind: 'lost', reason, retryMs: 1000 },
    });
    expect(await heard.next()).toMatchObject({ on: 'closed' });
    expect(await heard.next()).toMatchObject({ on: 'hello', hello: { threads: 2 } });
    expect(waits).toHaveLength(1);
  });
});

describe('a client that is refused', () => {
  it('by the coordinator, does not dial again', async () => {
    const { port, nextHello } = await startCoordinator();
    const { events, waits } = clientTo(port);
    (await nextHello()).refuse('the run has another model');
    const reason = `coordinator 127.0.0.1:${port}: the run has another model`;
    expect(await events.next()).toEqual({ on: 'closed', reason: { kind: 'refused', reason, retryMs: null } });
    expect(waits).toEqual([]);
  });

  it('dials again where it is told to, after longer and longer until an attempt has proven itself', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const { client, events, waits } = clientTo(port, { retryRefusals: true });
    const attempts = ['turned away', 'welcomed', 'welcomed', 'proven', 'turned away'];
    for (const attempt of attempts) {
      const connection = await nextHello();
      if (attempt !== 'turned away') {
        connection.send(welcome);
        expect(await events.next()).toMatchObject({ message: welcome });
      }
      if (attempt === 'proven') client.proven();
      connection.refuse('not here');
      expect(await heard.next()).toMatchObject({ on: 'closed' });
      const reason = `coordinator 127.0.0.1:${port}: not here`;
      expect(await events.next()).toMatchObject({ reason: { kind: 'refused', reason } });
    }
    expect(waits.map(({ delayMs }) => delayMs)).toEqual([1000, 1600, 2560, 1000, 1600]);
  });

  it('for its version, is told both ranges', async () => {
    const { port } = await startCoordinator();
    const { events } = clientTo(port, { hello: () => ({ ...hello, protocolMin: 3, protocolMax: 4 }) });
    expect(await events.next()).toMatchObject({
      reason: {
        kind: 'refused',
        reason: `coordinator 127.0.0.1:${port}: worker speaks protocol 3 to 4, this coordinator speaks 1: install the same blockpruner version on both`,
      },
    });
  });

  it('for a hello outside the limits, does not repeat it', async () => {
    const { port } = await startCoordinator();
    const { events } = clientTo(port, { hello: () => ({ ...hello, threads: 0 }) });
    expect(await events.next()).toMatchObject({
      reason: { kind: 'refused', reason: expect.stringContaining('hello.threads is 0') as string },
    });
  });

  it('by a server without the service, says that this is no coordinator', async () => {
    const { events } = clientTo(await startOther(null));
    expect(await events.next()).toMatchObject({
      reason: {
        kind: 'refused',
        reason: expect.stringContaining('it is not a blockpruner coordinator') as string,
      },
    });
  });

  it('treats a welcome of another version as a refusal', async () => {
    const { events } = clientTo(
      await startOther(coordinatorMessageType.serialize({ welcome: { protocol: 2 } })),
    );
    expect(await events.next()).toMatchObject({
      reason: { kind: 'refused', reason: expect.stringContaining('coordinator speaks protocol 2') as string },
    });
  });
});

describe('a client that cannot serve the run', () => {
  it('says so, and ends there', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const { client, events, waits } = clientTo(port);
    const connection = await nextHello();
    connection.send(welcome);
    await events.next();
    client.fail('no such model');
    client.fail('no such model, as said');
    const message = { kind: 'failed', reason: 'no such model' };
    expect(await heard.next()).toEqual({ on: 'message', connection, message });
    expect(await heard.next()).toMatchObject({ on: 'closed' });
    const reason = { ...message, retryMs: null };
    expect(await events.next()).toEqual({ on: 'closed', reason });
    expect(waits).toEqual([]);
  });

  it('dials again where it is told to, after longer and longer', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const { client, events } = clientTo(port, { retryRefusals: true });
    for (const retryMs of [1000, 1600, 2560]) {
      (await nextHello()).send(welcome);
      expect(await events.next()).toMatchObject({ message: welcome });
      client.fail('no such model');
      expect(await events.next()).toMatchObject({ reason: { kind: 'failed', retryMs } });
      expect(await heard.next()).toMatchObject({ message: { kind: 'failed' } });
      expect(await heard.next()).toMatchObject({ on: 'closed' });
    }
  });

  it('is closed while it hangs up, and what it said still arrives', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const { client, events, waits } = clientTo(port, { retryRefusals: true });
    (await nextHello()).send(welcome);
    await events.next();
    client.fail('no such model');
    await client.close();
    expect(await heard.next()).toMatchObject({ message: { kind: 'failed' } });
    expect(await heard.next()).toMatchObject({ on: 'closed' });
    expect([events.unread, waits]).toEqual([[], []]);
  });
});

describe('a client without a coordinator', () => {
  it('waits longer after each attempt, starts over after one that has proven itself, and finds a coordinator that comes back', async () => {
    const port = await freePort();
    const { client, events, waits } = clientTo(port);
    for (const retryMs of [1000, 1600, 2560]) {
      const event = await events.next();
      expect(event).toMatchObject({ on: 'closed', reason: { kind: 'unreachable', retryMs } });
      expect(event).toMatchObject({ reason: { reason: expect.stringContaining('ECONNREFUSED') as string } });
    }
    const { server, nextHello } = await startCoordinator(port);
    (await nextHello()).send(welcome);
    let event = await events.next();
    while (event.on === 'closed') event = await events.next();
    expect(event.message).toEqual(welcome);
    client.proven();
    const dialled = waits.length;
    await server.close();
    expect(await events.next()).toMatchObject({ reason: { kind: 'lost', retryMs: 1000 } });
    expect(waits[dialled].delayMs).toBe(1000);
  });

  it('dials on through an outage of hours, at most two and a half minutes apart, and joins again', async () => {
    const port = await freePort();
    const { events, waits } = clientTo(port, { random: Math.random });
    const hours = 6;
    let waitedMs = 0;
    while (waitedMs < hours * 3_600_000) {
      const event = await events.next();
      expect(event).toMatchObject({ on: 'closed', reason: { kind: 'unreachable' } });
      waitedMs = waits.reduce((sum, { delayMs }) => sum + delayMs, 0);
    }
    expect(Math.max(...waits.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(144_000);
    expect(new Set(waits.slice(-20).map(({ delayMs }) => delayMs)).size).toBeGreaterThan(1);
    const { nextHello } = await startCoordinator(port);
    (await nextHello()).send(welcome);
    let event = await events.next();
    while (event.on === 'closed') event = await events.next();
    expect(event.message).toEqual(welcome);
  });

  it('gives up on a peer that accepts the connection and says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    endings.push(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const { events } = clientTo(port, { redial: false, answerTimeoutMs: 30 });
    const reason = `coordinator 127.0.0.1:${port}: no answer within 30 ms`;
    expect(await events.next()).toEqual({
      on: 'closed',
      reason: { kind: 'unreachable', reason, retryMs: 1000 },
    });
  });

  it('loses the stream, and nothing more, to a bad message', async () => {
    const { events } = clientTo(await startOther(Buffer.from([0xff])), { redial: false });
    expect(await events.next()).toMatchObject({
      reason: { kind: 'lost', reason: expect.stringContaining('the message is not protobuf') as string },
    });
  });

  it('is told when the coordinator closes while it dials', async () => {
    const { port, server } = await startCoordinator();
    const { events } = clientTo(port, { redial: false });
    await server.close();
    expect(await events.next()).toMatchObject({
      on: 'closed',
      reason: { kind: expect.stringMatching(/^(unreachable|lost)$/) as string },
    });
  });

  it('stops dialling when closed, whether it dials or waits', async () => {
    const dialling = clientTo(await freePort(), { redial: false });
    await dialling.client.close();
    expect(dialling.events.unread).toEqual([]);
    const waiting = clientTo(await freePort(), { redial: false });
    await waiting.events.next();
    await waiting.client.close();
    expect(waiting.waits).toEqual([{ delayMs: 1000, cancelled: true }]);
  });

  it('drops what is sent while there is no stream', async () => {
    const { port, nextHello, events: heard } = await startCoordinator();
    const { client, events } = clientTo(port);
    client.send({ kind: 'heartbeat', taskId: null });
    const connection = await nextHello();
    connection.send(welcome);
    await events.next();
    client.send(ready);
    expect(await heard.next()).toMatchObject({ message: { kind: 'ready' } });
    await client.close();
    client.send({ kind: 'heartbeat', taskId: null });
    expect(await heard.next()).toMatchObject({ on: 'closed' });
  });

  it('refuses an address it cannot read', () => {
    expect(
      () =>
        new FleetClient({
          address: 'localhost',
          hello: () => hello,
          handlers: { onMessage() {}, onClosed() {} },
        }),
    ).toThrow('"localhost" is not an address');
  });
});
