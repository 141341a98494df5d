import type { ServerDuplexStream } from '@grpc/grpc-js';
import { FLEET_SERVICE } from './fleet-proto.ts';
import { GuardedServer } from './guarded-server.ts';
import { MAX_QUEUED_BYTES } from './limits.ts';
import type { ServerSecurity } from './security.ts';
import { WorkerStream, type FleetServerHandlers, type WorkerStreamLimits } from './worker-stream.ts';

/** The gate waits longer than a stream does for its hello, and so lets the stream say what was missing. */
const GATE_MARGIN_MS = 2000;

/** What is left out takes its default. */
export interface FleetServerOptions {
  /** How long a peer may take for its hello; 10 s. */
  readonly helloDeadlineMs?: number;
  /** Bytes that may wait for one worker; 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** How long `close` lets streams end by themselves; 1 s. */
  readonly closeGraceMs?: number;
}

/** The coordinator's side of the protocol: listens, and turns streams into connections that have said hello. */
export class FleetServer {
  private readonly handlers: FleetServerHandlers;
  private readonly limits: WorkerStreamLimits;
  private readonly closeGraceMs: number;
  private readonly ports: GuardedServer[] = [];
  private readonly streams = new Set<WorkerStream>();
  private streamCount = 0;

  constructor(handlers: FleetServerHandlers, options: FleetServerOptions = {}) {
    this.handlers = handlers;
    this.closeGraceMs = options.closeGraceMs ?? 1000;
    this.limits = {
      helloDeadlineMs: options.helloDeadlineMs ?? 10_000,
      maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES,
    };
  }

  /**
   * Listens on one address of the host; may be called for several ports, each guarded in its own way.
   * @param port 0 for any free one
   * @returns the port that was bound
   * @throws WireError `port-in-use`, `cannot-listen` for a host or port that cannot be bound, or `bad-credentials`
   */
  async listen(host: string, port: number, security: ServerSecurity = {}): Promise<number> {
    const server = new GuardedServer({
      security,
      strangerDeadlineMs: this.limits.helloDeadlineMs + GATE_MARGIN_MS,
      onRefused: (peer, reason) => this.handlers.onRejected?.(peer, reason),
      onTrouble: (reason) => this.handlers.onTrouble?.(reason),
    });
    this.ports.push(server);
    server.addService(FLEET_SERVICE, {
      Work: (call: ServerDuplexStream<Buffer, Buffer>) => this.take(call, server),
    });
    return server.listen(host, port);
  }

  /** Ends every stream after what was sent to it, and breaks off those that have not ended within the grace time. */
  async close(): Promise<void> {
    for (const stream of this.streams) stream.close();
    await Promise.all(this.ports.map((server) => server.close(this.closeGraceMs)));
  }

  private take(call: ServerDuplexStream<Buffer, Buffer>, server: GuardedServer): void {
    const handlers: FleetServerHandlers = {
      ...this.handlers,
      onHello: (connection, hello) => {
        server.admit(call);
        this.handlers.onHello(connection, hello);
      },
      onRejected: (peer, reason) => server.refused(peer, reason),
    };
    const stream = new WorkerStream(`worker-${++this.streamCount}`, call, handlers, this.limits);
    this.streams.add(stream);
    call.on('close', () => this.streams.delete(stream));
  }
}
