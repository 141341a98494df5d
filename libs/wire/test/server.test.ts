import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { workerMessageType } from '../src/fleet-proto.ts';
import { FleetServer } from '../src/server.ts';
import { WireError } from '../src/wire-error.ts';
import { encodeWorkerMessage } from '../src/worker-codec.ts';
import { hello, RawWorker, ready, startProxy, startServer, taskOf, welcome } from './peers.ts';

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function serverWith(options?: Parameters<typeof startServer>[0]) {
  const started = await startServer({ closeGraceMs: 100, ...options });
  endings.push(() => started.server.close());
  return started;
}

function dial(port: number): RawWorker {
  const worker = new RawWorker(port);
  endings.push(() => worker.close());
  return worker;
}

const helloBytes = encodeWorkerMessage(hello);

describe('a worker that keeps the protocol', () => {
  it('is announced with its hello, and both sides hear each other in order', async () => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    expect(connection.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    connection.send(welcome);
    connection.send({ kind: 'assign', task: taskOf(5) });
    expect(await worker.messages.next()).toEqual(welcome);
    expect(await worker.messages.next()).toEqual({ kind: 'assign', task: taskOf(5) });
    worker.call.write(encodeWorkerMessage(ready));
    worker.call.write(encodeWorkerMessage({ kind: 'heartbeat', taskId: null }));
    expect(await events.next()).toEqual({ on: 'message', connection, message: ready });
    expect(await events.next()).toEqual({
      on: 'message',
      connection,
      message: { kind: 'heartbeat', taskId: null },
    });
  });

  it('gets everything that was sent before its connection was closed', async () => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    for (let i = 0; i < 20; i++) connection.send({ kind: 'assign', task: taskOf(20_000) });
    connection.send({ kind: 'finished' });
    connection.close();
    connection.send({ kind: 'drain' });
    expect((await worker.status).code).toBe(status.OK);
    expect(worker.messages.unread.map(({ kind }) => kind)).toEqual([
      ...Array<string>(20).fill('assign'),
      'finished',
    ]);
    expect(await events.next()).toMatchObject({ on: 'closed', reason: 'closed by the coordinator' });
  });

  it('is refused with the same text in the message and in the status', async () => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    (await nextHello()).refuse('another numeric class: use --mixed-classes');
    expect(await worker.messages.next()).toEqual({
      kind: 'refused',
      reason: 'another numeric class: use --mixed-classes',
    });
    expect(await worker.status).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'another numeric class: use --mixed-classes',
    });
    expect(await events.next()).toMatchObject({
      on: 'closed',
      reason: 'refused: another numeric class: use --mixed-classes',
    });
  });

  it('is reported once when it ends the stream', async () => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    worker.call.end();
    expect((await worker.status).code).toBe(status.OK);
    expect(await events.next()).toEqual({ on: 'closed', connection, reason: 'the worker ended the stream' });
    expect(events.unread).toEqual([]);
  });

  it('is reported when it vanishes without a word', async () => {
    const { port, events, nextHello } = await serverWith();
    const proxy = await startProxy(port);
    endings.push(proxy.close);
    const worker = dial(proxy.port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    proxy.cut();
    expect(await events.next()).toMatchObject({ on: 'closed', connection });
  });
});

describe('a peer that breaks the protocol', () => {
  it('is refused with one clear line when it speaks another version', async () => {
    const { port, events } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(workerMessageType.serialize({ hello: { protocolMin: 3, protocolMax: 4 } }));
    const text =
      'worker speaks protocol 3 to 4, this coordinator speaks 1: install the same blockpruner version on both';
    expect(await worker.messages.next()).toEqual({ kind: 'refused', reason: text });
    expect(await worker.status).toMatchObject({ code: status.FAILED_PRECONDITION, details: text });
    expect(await events.next()).toMatchObject({ on: 'rejected', reason: `refused: ${text}` });
  });

  it.each([
    ['garbage', Buffer.from([0xff, 0xff, 0xff]), 'the message is not protobuf'],
    ['no message', Buffer.alloc(0), 'a worker message is of no known kind'],
    [
      'something else than a hello',
      encodeWorkerMessage({ kind: 'heartbeat', taskId: null }),
      'the first message is "heartbeat"',
    ],
    ['a hello without a name', encodeWorkerMessage({ ...hello, name: '' }), 'hello.name is ""'],
    [
      'a hello of 64 KiB',
      encodeWorkerMessage({ ...hello, name: 'x'.repeat(65_536) }),
      'a hello fits in 16384',
    ],
  ])('is sent away when it opens with %s, and the next one is served', async (_, bytes, text) => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(bytes);
    const ending = await worker.status;
    expect(ending.code).toBe(status.INVALID_ARGUMENT);
    expect(ending.details).toContain(text);
    expect(await events.next()).toMatchObject({ on: 'rejected', reason: ending.details });
    dial(port).read().call.write(helloBytes);
    expect(await nextHello()).toBeDefined();
  });

  it.each([
    [
      'a number outside its limits',
      workerMessageType.serialize({ cells: { taskId: 't' } }),
      'cells.cells has 0 elements',
    ],
    ['a second hello', helloBytes, 'a later message is "hello"'],
  ])('is sent away when it goes on with %s', async (_, bytes, text) => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    worker.call.write(bytes);
    const ending = await worker.status;
    expect(ending.code).toBe(status.INVALID_ARGUMENT);
    expect(ending.details).toContain(text);
    expect(await events.next()).toEqual({ on: 'closed', connection, reason: ending.details });
  });

  it('is cut off by a message of more than 32 MiB', async () => {
    const { port, events, nextHello } = await serverWith();
    const worker = dial(port).read();
    worker.call.write(helloBytes);
    const connection = await nextHello();
    worker.call.write(Buffer.alloc(32 * 1024 * 1024 + 1));
    expect((await worker.status).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await events.next()).toMatchObject({ on: 'closed', connection });
  });

  it('is sent away when it says nothing', async () => {
    const { port, events } = await serverWith({ helloDeadlineMs: 30 });
    const worker = dial(port).read();
    expect(await worker.status).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: 'no hello within 30 ms',
    });
    expect(await events.next()).toMatchObject({ on: 'rejected', reason: 'no hello within 30 ms' });
  });

  it('is closed when it does not read', async () => {
    const { port, events, nextHello } = await serverWith({ maxQueuedBytes: 1024 * 1024 });
    const worker = dial(port);
    worker.call.write(helloBytes);
    const connection = await nextHello();
    for (let i = 0; i < 40; i++) connection.send({ kind: 'assign', task: taskOf(100_000) });
    expect(await events.next()).toEqual({
      on: 'closed',
      connection,
      reason: 'the worker does not read: too many bytes wait for it',
    });
    worker.read();
    expect((await worker.status).code).toBe(status.ABORTED);
  });
});

describe('FleetServer', () => {
  it('names the port that is in use, and the way out', async () => {
    const { port } = await serverWith();
    const second = new FleetServer({ onHello() {}, onMessage() {}, onClosed() {} });
    endings.push(() => second.close());
    const failure = await second.listen('127.0.0.1', port).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WireError);
    expect(failure).toMatchObject({
      code: 'port-in-use',
      message: `127.0.0.1:${port} is in use: choose another port, or port 0 for any free one`,
    });
  });

  it.each([
    ['127.0.0.1', 65_536, 'cannot listen on 127.0.0.1:65536: a port is from 0'],
    ['192.0.2.1', 0, 'cannot listen on 192.0.2.1:0: '],
    ['', 0, 'cannot listen on :0: the host is empty'],
  ])('cannot listen on "%s", port %d, and says so', async (host, port, text) => {
    const server = new FleetServer({ onHello() {}, onMessage() {}, onClosed() {} });
    endings.push(() => server.close());
    const failure = await server.listen(host, port).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'cannot-listen',
      message: expect.stringContaining(text) as string,
    });
  });

  it('closes although a worker neither reads nor ends', async () => {
    const { port, server, events, nextHello } = await serverWith();
    const worker = dial(port);
    worker.call.write(helloBytes);
    const connection = await nextHello();
    for (let i = 0; i < 10; i++) connection.send({ kind: 'assign', task: taskOf(100_000) });
    await server.close();
    expect(await events.next()).toMatchObject({ on: 'closed', connection });
  });
});
