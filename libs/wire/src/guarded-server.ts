import { lookup } from 'node:dns/promises';
import type { Server as Listener } from 'node:net';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  status,
  type Metadata,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { showsToken } from './access-token.ts';
import { formatAddress } from './address.ts';
import { SERVER_OPTIONS } from './channel-options.ts';
import { Gate } from './gate.ts';
import { listenError } from './listen-error.ts';
import { createListener } from './listener.ts';
import { RefusalReport } from './refusal-report.ts';
import type { ServerSecurity } from './security.ts';
import { WireError } from './wire-error.ts';

export interface GuardedServerOptions {
  readonly security: ServerSecurity;
  /** How long a connection may stay without a call that was admitted. */
  readonly strangerDeadlineMs: number;
  /** A peer that was turned away, and why; a flood of them is told in part. */
  readonly onRefused: (peer: string, reason: string) => void;
  /** The port goes on, and somebody should look after it: files that cannot be used, a connection not accepted. */
  readonly onTrouble: (reason: string) => void;
}

/** A call that the gate can know by its connection. */
interface AdmittedCall {
  getPeer(): string;
  on(event: 'close', listener: () => void): unknown;
}

/**
 * A gRPC server on one port, which lets calls through to its services only as `security` says, and bounds what those
 * cost that are not let through.
 *
 * Invariants:
 * 1. Nothing of a call is read, and no service hears of it, before its token was accepted.
 * 2. A service admits each call that it takes for one of ours; connections without one are cut off by the gate.
 */
export class GuardedServer {
  private readonly options: GuardedServerOptions;
  private readonly server: Server;
  private readonly gate: Gate;
  private readonly report: RefusalReport;
  private listener: Listener | undefined;

  constructor(options: GuardedServerOptions) {
    this.options = options;
    this.report = new RefusalReport(options.onRefused);
    this.gate = new Gate(options.strangerDeadlineMs, (peer, reason) => this.report.add(peer, reason));
    this.server = new Server({ ...SERVER_OPTIONS, interceptors: [this.authentication()] });
  }

  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.server.addService(service, implementation);
  }

  /** The call's connection is no stranger's from now on until the call ends. */
  admit(call: AdmittedCall): void {
    const peer = call.getPeer();
    this.gate.admit(peer);
    call.on('close', () => this.gate.dismiss(peer));
  }

  /** A service has turned this peer away. */
  refused(peer: string, reason: string): void {
    this.gate.turnAway(peer);
    this.report.add(peer, reason);
  }

  /**
   * Listens on one address of the host.
   * @param port 0 for any free one
   * @returns the port that was bound
   * @throws WireError `port-in-use`, `cannot-listen` for a host or port that cannot be bound, `bad-credentials`
   */
  async listen(host: string, port: number): Promise<number> {
    const at = formatAddress({ host, port });
    if (host === '')
      throw new WireError('cannot-listen', `cannot listen on ${at}: the host is empty; 0.0.0.0 is any`);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new WireError(
        'cannot-listen',
        `cannot listen on ${at}: a port is from 0 (any free one) to 65535`,
      );
    }
    // Sockets reach gRPC after our own listener, which can see and bound them before TLS and HTTP/2 do.
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    const { security, strangerDeadlineMs, onTrouble } = this.options;
    const listener = createListener(security.tls, strangerDeadlineMs, {
      onConnection: (socket) => this.gate.enter(socket),
      onReady: (socket) => injector.injectConnection(socket.on('error', () => undefined)),
      onRefused: (peer, reason) => this.report.add(peer, reason),
      onBadFiles: (reason) => onTrouble(`${reason}; what was there before stays in use`),
    });
    try {
      const { address } = await lookup(host);
      await new Promise<void>((resolve, fail) => {
        listener.once('error', fail);
        listener.listen({ host: address, port }, resolve);
      });
    } catch (error) {
      throw listenError(at, error as NodeJS.ErrnoException);
    }
    listener.on('error', (error) => onTrouble(`a connection could not be accepted: ${error.message}`));
    this.listener = listener;
    return (listener.address() as { port: number }).port;
  }

  /** Takes no more connections, and resolves when there are none left, or when the grace time is over. */
  async close(graceMs: number): Promise<void> {
    this.listener?.close();
    this.gate.close();
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.server.forceShutdown();
        resolve(); // a peer that is stopped never ends its side, and must not hold us up
      }, graceMs);
      // gRPC does not wait for connections that were handed to it, and what was sent would be lost with the process.
      const ended = new Promise<void>((end) => this.server.tryShutdown(() => end()));
      void Promise.all([ended, this.gate.empty()]).then(() => {
        clearTimeout(force);
        resolve();
      });
    });
    this.report.startOver();
  }

  private authentication(): ServerInterceptor {
    return (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) => {
          next({
            onReceiveMetadata: (metadata, accept) => {
              const refusal = this.refusalOf(metadata);
              if (refusal === null) return accept(metadata);
              const { status: ending, reason } = refusal;
              call.sendStatus(ending);
              this.refused(call.getPeer(), reason);
            },
          });
        },
      });
  }

  private refusalOf(
    metadata: Metadata,
  ): { status: { code: status; details: string }; reason: string } | null {
    const { tokens } = this.options.security;
    if (tokens === undefined) return null;
    let accepted: readonly string[];
    try {
      accepted = tokens();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const details = 'the coordinator cannot read its tokens at the moment';
      return { status: { code: status.UNAVAILABLE, details }, reason: error.message };
    }
    const [shown] = metadata.get('authorization');
    if (showsToken(shown, accepted)) return null;
    const details =
      shown === undefined
        ? 'it wants a token: give --token-file, or set BLOCKPRUNER_TOKEN'
        : 'it does not accept this token: give the one that the coordinator was given';
    const reason = shown === undefined ? 'it shows no token' : 'it shows a token that is not accepted';
    return { status: { code: status.UNAUTHENTICATED, details }, reason };
  }
}
