import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FaultyLink, NO_FAULTS, type LinkFaults } from './faulty-link.ts';
import { uniformStream } from './random-weights.ts';

/** `up` is from who dials to who listens, `down` the other way. */
export type Direction = 'up' | 'down';

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly links: Readonly<Record<Direction, FaultyLink>>;
}

/**
 * A TCP proxy on 127.0.0.1 that stands for a bad network. Every fault can be set and lifted at any time and takes
 * effect on the connections that are there; without one it passes all bytes, ends and resets on.
 *
 * Invariants:
 * 1. It has one port for its whole life, also over a time in which it refuses.
 * 2. Its random numbers follow from the seed, and are drawn chunk by chunk in the order in which they come.
 */
export class TcpFaultProxy {
  private readonly targetPort: number;
  private readonly random: () => number;
  private readonly connections = new Set<Connection>();
  private readonly faults: Record<Direction, LinkFaults> = { up: NO_FAULTS, down: NO_FAULTS };
  private server: Server | undefined;
  private boundPort = 0;
  private accepted = 0;

  private constructor(targetPort: number, seed: number) {
    this.targetPort = targetPort;
    this.random = uniformStream(`tcp-fault-proxy ${seed}`);
  }

  /** @param targetPort of 127.0.0.1; nobody need listen there yet */
  static async start(targetPort: number, seed = 1): Promise<TcpFaultProxy> {
    const proxy = new TcpFaultProxy(targetPort, seed);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.boundPort;
  }

  /** Connections that are open on the side of who dialled. */
  get openCount(): number {
    return [...this.connections].filter(({ client }) => !client.destroyed).length;
  }

  /** Connections that were ever accepted. */
  get acceptedCount(): number {
    return this.accepted;
  }

  /** Sets some faults of one direction or of both; those that are not named stay. */
  set(faults: Partial<LinkFaults>, only?: Direction): void {
    for (const direction of only ? [only] : (['up', 'down'] as const)) {
      const changed = { ...this.faults[direction], ...faults };
      this.faults[direction] = changed;
      for (const { links } of this.connections) links[direction].change(changed);
    }
  }

  /** Lifts all faults; a connection of which bytes were dropped stays dead. */
  heal(): void {
    this.set(NO_FAULTS);
  }

  /** Ends one direction of every open connection; the other goes on. */
  halfClose(direction: Direction): void {
    for (const { links } of this.connections) links[direction].end();
  }

  /** Breaks off every open connection, for both sides, by RST. */
  reset(): void {
    for (const { client, server } of this.connections) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** From now on nobody listens; open connections stay. */
  refuse(): void {
    this.server?.close();
    this.server = undefined;
  }

  /** Listens again (1). */
  async accept(): Promise<void> {
    if (this.server) return;
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.join(client));
    this.server.listen(this.boundPort, '127.0.0.1');
    await once(this.server, 'listening');
    this.boundPort = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const { server } = this;
    this.refuse();
    for (const { client, server: target } of this.connections) {
      client.destroy();
      target.destroy();
    }
    if (server) await once(server, 'close');
  }

  private join(client: Socket): void {
    this.accepted++;
    const server = connect({
      port: this.targetPort,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    const connection: Connection = {
      client,
      server,
      links: {
        up: new FaultyLink(client, server, this.faults.up, this.random),
        down: new FaultyLink(server, client, this.faults.down, this.random),
      },
    };
    this.connections.add(connection);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined); // its link passes it on as a reset
      socket.on('close', () => client.destroyed && server.destroyed && this.connections.delete(connection));
    }
  }
}
