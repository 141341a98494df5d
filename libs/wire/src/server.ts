import { Server, type ServerDuplexStream } from '@grpc/grpc-js';
import { bindServer } from './bind-server.ts';
import { SERVER_OPTIONS } from './channel-options.ts';
import { FLEET_SERVICE } from './fleet-proto.ts';
import { MAX_QUEUED_BYTES } from './limits.ts';
import { WorkerStream, type FleetServerHandlers, type WorkerStreamLimits } from './worker-stream.ts';

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
  private readonly server = new Server(SERVER_OPTIONS);
  private readonly streams = new Set<WorkerStream>();
  private readonly closeGraceMs: number;
  private streamCount = 0;

  constructor(handlers: FleetServerHandlers, options: FleetServerOptions = {}) {
    this.closeGraceMs = options.closeGraceMs ?? 1000;
    const limits: WorkerStreamLimits = {
      helloDeadlineMs: options.helloDeadlineMs ?? 10_000,
      maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES,
    };
    this.server.addService(FLEET_SERVICE, {
      Work: (call: ServerDuplexStream<Buffer, Buffer>) => {
        const stream = new WorkerStream(`worker-${++this.streamCount}`, call, handlers, limits);
        this.streams.add(stream);
        call.on('close', () => this.streams.delete(stream));
      },
    });
  }

  /**
   * Listens on one address of the host.
   * @param port 0 for any free one
   * @returns the port that was bound
   * @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound
   */
  listen(host: string, port: number): Promise<number> {
    return bindServer(this.server, host, port);
  }

  /** Ends every stream after what was sent to it, and breaks off those that have not ended within the grace time. */
  async close(): Promise<void> {
    for (const stream of this.streams) stream.close();
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.server.forceShutdown();
        resolve(); // a peer that is stopped never ends its side, and must not hold us up
      }, this.closeGraceMs);
      this.server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }
}
