import { Client, status, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { formatAddress, type Address } from './address.ts';
import { dialParameters } from './client-credentials.ts';
import { connectionFailure } from './connection-failure.ts';
import { decodeCoordinatorMessage } from './coordinator-codec.ts';
import { FLEET_SERVICE } from './fleet-proto.ts';
import { MAX_QUEUED_BYTES } from './limits.ts';
import type { CoordinatorMessage, Hello, WorkerMessage } from './message.ts';
import { Outbox } from './outbox.ts';
import type { ClientSecurity } from './security.ts';
import { cutReason } from './validate.ts';
import { encodeWorkerMessage } from './worker-codec.ts';
import { WireError } from './wire-error.ts';

/** How a stream ended: turned away for good, broken off after hello was accepted, or never accepted. */
interface StreamEnd {
  readonly kind: 'refused' | 'lost' | 'unreachable';
  /** One line that names the coordinator's address. */
  readonly reason: string;
}

interface CoordinatorStreamHandlers {
  /** Every message but `refused`, which ends the stream. */
  onMessage(message: CoordinatorMessage): void;
  /** Each time that everything that was sent is on the network. */
  onSent(): void;
  /** Once, unless `close` was called before. */
  onEnd(end: StreamEnd): void;
}

interface CoordinatorStreamLimits {
  /** How long the coordinator may take to accept the hello. */
  readonly answerTimeoutMs: number;
  /** How long `close` waits for the coordinator to end the stream. */
  readonly closeGraceMs: number;
}

/**
 * The worker's end of one stream: one attempt, from dialling to its end.
 *
 * Invariants:
 * 1. It is `open` from the coordinator's response headers on: they come when the hello was accepted.
 * 2. A failure that the same hello would meet again is `refused`; any other is `unreachable` before (1), `lost` after.
 * 3. Once `ended`, nothing is sent or reported.
 */
export class CoordinatorStream {
  private readonly address: string;
  private readonly security: ClientSecurity;
  private readonly handlers: CoordinatorStreamHandlers;
  private readonly limits: CoordinatorStreamLimits;
  private readonly channel: Client;
  private readonly call: ClientDuplexStream<Buffer, Buffer>;
  private readonly outbox: Outbox;
  private readonly answerTimer: NodeJS.Timeout;
  private phase: 'dialling' | 'open' | 'ended' = 'dialling';

  /** @throws WireError `bad-credentials` when a certificate, a key or the token cannot be used */
  constructor(
    address: Address,
    security: ClientSecurity,
    hello: Hello,
    handlers: CoordinatorStreamHandlers,
    limits: CoordinatorStreamLimits,
  ) {
    this.address = formatAddress(address);
    this.security = security;
    this.handlers = handlers;
    this.limits = limits;
    const { path, requestSerialize, responseDeserialize } = FLEET_SERVICE.Work;
    const { target, credentials, options, metadata } = dialParameters(address, security);
    this.channel = new Client(target, credentials, options);
    this.call = this.channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.outbox = new Outbox(
      (bytes, written) => this.call.write(bytes, written),
      MAX_QUEUED_BYTES,
      () => queueMicrotask(() => this.phase === 'open' && handlers.onSent()),
    );
    this.answerTimer = setTimeout(() => {
      this.breakOff('unreachable', `no answer within ${limits.answerTimeoutMs} ms`);
    }, limits.answerTimeoutMs);
    this.call.on('metadata', () => {
      if (this.phase !== 'dialling') return;
      clearTimeout(this.answerTimer);
      this.phase = 'open'; // (1)
    });
    this.call.on('data', (bytes: Buffer) => this.receive(bytes));
    this.call.on('error', () => {}); // told again by 'status'
    this.call.on('status', (ending) => this.endWith(ending));
    this.outbox.push(encodeWorkerMessage(hello));
  }

  /** Whether something that was sent is not on the network yet. */
  get isSending(): boolean {
    return !this.outbox.isEmpty;
  }

  send(message: WorkerMessage): void {
    if (this.phase !== 'open') return;
    if (this.outbox.push(encodeWorkerMessage(message))) return;
    this.breakOff('lost', 'the coordinator does not read: too many bytes wait for it');
  }

  /** Ends the stream after what was sent, at the latest when the grace time is over. */
  async close(): Promise<void> {
    if (this.phase === 'ended') return;
    const accepted = this.phase === 'open';
    this.phase = 'ended';
    clearTimeout(this.answerTimer);
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => this.call.cancel(), this.limits.closeGraceMs);
      this.call.on('status', () => {
        clearTimeout(force);
        resolve();
      });
      if (accepted) this.outbox.finish(() => this.call.end());
      else this.call.cancel();
    });
    this.channel.close();
  }

  private receive(bytes: Buffer): void {
    if (this.phase === 'ended') return;
    let message: CoordinatorMessage;
    try {
      message = decodeCoordinatorMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.breakOff(error.code === 'protocol' ? 'refused' : 'lost', error.message);
      return;
    }
    if (message.kind === 'refused') this.breakOff('refused', message.reason);
    else this.handlers.onMessage(message);
  }

  private endWith({ code, details: text }: StatusObject): void {
    const details = code === status.OK ? 'it ended the stream' : connectionFailure(code, text, this.security);
    if (code === status.FAILED_PRECONDITION || code === status.UNAUTHENTICATED) this.end('refused', details);
    else if (code === status.UNIMPLEMENTED)
      this.end('refused', `it is not a blockpruner coordinator (${details})`);
    else if (this.phase === 'dialling')
      this.end(code === status.INVALID_ARGUMENT ? 'refused' : 'unreachable', details);
    else this.end('lost', details);
  }

  private breakOff(kind: StreamEnd['kind'], reason: string): void {
    this.end(kind, reason);
    this.call.cancel();
  }

  private end(kind: StreamEnd['kind'], reason: string): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended'; // (3)
    clearTimeout(this.answerTimer);
    this.outbox.discard();
    this.channel.close();
    queueMicrotask(() => {
      this.handlers.onEnd({ kind, reason: cutReason(`coordinator ${this.address}: ${reason}`) });
    });
  }
}
