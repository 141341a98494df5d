import type { Socket } from 'node:net';
import { MAX_STRANGER_BYTES, MAX_STRANGERS } from './limits.ts';

/** Between two looks at the strangers a fast network brings some megabytes, and no more. */
const SWEEP_MS = 25;

/** A refused peer gets this long to read why. */
const FAREWELL_MS = 1000;

interface Connection {
  readonly socket: Socket;
  readonly peer: string;
  admittedCalls: number;
  /** When it is cut off, while it is a stranger's. */
  cutAtMs: number;
  /** What it had sent when it became a stranger's. */
  bytesBefore: number;
  /** Whether its end is no news: it was refused, or had belonged here. */
  isSettled: boolean;
}

/**
 * Bounds what strangers cost: those who have opened a connection, and have not yet shown that they belong here.
 * It sees raw TCP connections, so it holds before TLS and HTTP/2 are spoken, whether or not they ever are.
 *
 * Invariants:
 * 1. A connection is a stranger's until a call on it is admitted, and again after the last admitted one has ended.
 * 2. A stranger is cut off after the deadline, or when it has sent more than `MAX_STRANGER_BYTES`.
 * 3. There are at most `MAX_STRANGERS`; one more cuts off the one that waits longest, since a worker takes milliseconds.
 */
export class Gate {
  private readonly deadlineMs: number;
  private readonly onCut: (peer: string, reason: string) => void;
  private readonly connections = new Map<string, Connection>();
  /** In the order in which they became strangers. */
  private readonly strangers = new Set<Connection>();
  private sweeper: NodeJS.Timeout | undefined;
  private onEmpty: (() => void) | undefined;

  constructor(deadlineMs: number, onCut: (peer: string, reason: string) => void) {
    this.deadlineMs = deadlineMs;
    this.onCut = onCut;
  }

  /** @param socket just accepted; closed later by whoever speaks on it, or by the gate */
  enter(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`; // as gRPC names it
    const connection = { socket, peer, admittedCalls: 0, cutAtMs: 0, bytesBefore: 0, isSettled: false };
    socket.on('error', () => undefined); // the close that follows is all there is to know
    socket.on('close', () => {
      this.strangers.delete(connection);
      if (this.connections.get(peer) === connection) this.connections.delete(peer);
      if (this.connections.size === 0) this.onEmpty?.();
    });
    this.connections.get(peer)?.socket.destroy(); // its end has not been noticed yet: the peer has the port anew
    this.connections.set(peer, connection);
    const [longest] = this.strangers;
    if (this.strangers.size >= MAX_STRANGERS) {
      this.cut(longest, `more than ${MAX_STRANGERS} peers had not yet said who they are`); // (3)
    }
    this.estrange(connection);
  }

  /** A call of the peer belongs here. */
  admit(peer: string): void {
    const connection = this.connections.get(peer);
    if (connection === undefined) return;
    connection.admittedCalls++;
    connection.isSettled = true;
    this.strangers.delete(connection);
  }

  /** An admitted call of the peer has ended. */
  dismiss(peer: string): void {
    const connection = this.connections.get(peer);
    if (connection !== undefined && --connection.admittedCalls === 0) this.estrange(connection); // (1)
  }

  /** A call of the peer was refused: unless another one belongs here, the connection ends soon. */
  turnAway(peer: string): void {
    const connection = this.connections.get(peer);
    if (connection === undefined || connection.admittedCalls > 0) return;
    connection.cutAtMs = Math.min(connection.cutAtMs, performance.now() + FAREWELL_MS);
    connection.isSettled = true;
  }

  /** Cuts off every stranger, at once and without a report. */
  close(): void {
    for (const { socket } of this.strangers) socket.destroy();
  }

  /** Resolves when no connection is left. */
  async empty(): Promise<void> {
    if (this.connections.size > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  private estrange(connection: Connection): void {
    connection.cutAtMs = performance.now() + this.deadlineMs;
    connection.bytesBefore = connection.socket.bytesRead;
    this.strangers.add(connection);
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  private sweep(): void {
    const nowMs = performance.now();
    for (const connection of this.strangers) {
      const bytes = connection.socket.bytesRead - connection.bytesBefore;
      if (bytes > MAX_STRANGER_BYTES) {
        this.cut(
          connection,
          `sent ${bytes} bytes before it said who it is; ${MAX_STRANGER_BYTES} are allowed`,
        );
      } else if (nowMs >= connection.cutAtMs) {
        this.cut(connection, `did not say who it is within ${this.deadlineMs} ms`);
      }
    }
    if (this.strangers.size > 0) return;
    clearInterval(this.sweeper);
    this.sweeper = undefined;
  }

  private cut(connection: Connection, reason: string): void {
    this.strangers.delete(connection);
    connection.socket.destroy();
    if (!connection.isSettled) this.onCut(connection.peer, reason);
  }
}
