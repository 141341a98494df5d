import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client, credentials, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { decodeCoordinatorMessage } from '../src/coordinator-codec.ts';
import { FLEET_SERVICE } from '../src/fleet-proto.ts';
import type { CoordinatorMessage, Hello, Welcome, WireTask, WorkerMessage } from '../src/message.ts';
import { FleetServer, type FleetServerOptions } from '../src/server.ts';
import type { ServerSecurity } from '../src/security.ts';
import type { WorkerConnection } from '../src/worker-stream.ts';

export const hello: Hello = {
  kind: 'hello',
  protocolMin: 1,
  protocolMax: 1,
  workerId: 'w1',
  name: 'node-7:4711',
  numericClass: 'cpu-avx512-fp32',
  device: 'cpu',
  memoryBytes: 1024,
  threads: 4,
  version: '0.1.0',
};

export const welcome: Welcome = {
  kind: 'welcome',
  protocol: 1,
  runId: 'run',
  model: { path: '/models/tiny', fingerprint: 'sha256:00' },
  heartbeatMs: 1000,
  shapePlan: null,
  longestRowTokens: 256,
  microBatchRows: null,
  artifacts: null,
};

export const ready = {
  kind: 'ready',
  modelFingerprint: 'f',
  shapePlan: { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 },
  peakFlopsPerSecond: 1e12,
} as const satisfies WorkerMessage;

/** A task of about 3 bytes for each token. */
export function taskOf(tokens: number): WireTask {
  return {
    taskId: 't',
    base: [],
    candidates: [1],
    baseline: true,
    rows: [{ index: 0, tokenIds: new Int32Array(tokens).fill(100_000) }],
    plan: { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 16, rowBucketTokens: 1 },
    unit: 'block',
    inFp32: false,
  };
}

/** Events in the order in which they came, for a test to await one by one. */
export class Events<T> {
  readonly unread: T[] = [];
  private readonly waiting: ((event: T) => void)[] = [];

  push(event: T): void {
    const next = this.waiting.shift();
    if (next) next(event);
    else this.unread.push(event);
  }

  async next(): Promise<T> {
    const event = this.unread.shift();
    return event ?? new Promise((resolve) => this.waiting.push(resolve));
  }
}

type ServerEvent =
  | { on: 'hello'; connection: WorkerConnection; hello: Hello }
  | { on: 'message'; connection: WorkerConnection; message: WorkerMessage }
  | { on: 'closed'; connection: WorkerConnection; reason: string }
  | { on: 'rejected'; peer: string; reason: string }
  | { on: 'trouble'; reason: string };

/** A server on a free port of 127.0.0.1 that only writes down what it hears. */
export async function startServer(options?: FleetServerOptions, port = 0, security?: ServerSecurity) {
  const events = new Events<ServerEvent>();
  const server = new FleetServer(
    {
      onHello: (connection, hello) => events.push({ on: 'hello', connection, hello }),
      onMessage: (connection, message) => events.push({ on: 'message', connection, message }),
      onClosed: (connection, reason) => events.push({ on: 'closed', connection, reason }),
      onRejected: (peer, reason) => events.push({ on: 'rejected', peer, reason }),
      onTrouble: (reason) => events.push({ on: 'trouble', reason }),
    },
    options,
  );
  const bound = await server.listen('127.0.0.1', port, security);
  return {
    server,
    events,
    port: bound,
    /** The next event, which must be a hello. */
    nextHello: async (): Promise<WorkerConnection> => {
      const event = await events.next();
      if (event.on !== 'hello') throw new Error(`expected a hello, but it was: ${event.on}`);
      return event.connection;
    },
  };
}

/** A peer that sends whatever bytes it is told to, without FleetClient's care. */
export class RawWorker {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly messages = new Events<CoordinatorMessage>();
  readonly status: Promise<StatusObject>;
  private readonly channel: Client;

  constructor(port: number) {
    this.channel = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    const { path, requestSerialize, responseDeserialize } = FLEET_SERVICE.Work;
    this.call = this.channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.call.on('error', () => {});
    this.status = new Promise((resolve) => this.call.on('status', resolve));
  }

  read(): this {
    this.call.on('data', (bytes: Buffer) => this.messages.push(decodeCoordinatorMessage(bytes)));
    return this;
  }

  close(): void {
    this.call.cancel();
    this.channel.close();
  }
}

/** Passes TCP on to a port, until it is cut. */
export async function startProxy(port: number) {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    near.pipe(far).pipe(near);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const close = (): void => {
    proxy.close();
    cut();
  };
  return { port: (proxy.address() as AddressInfo).port, cut, close };
}
