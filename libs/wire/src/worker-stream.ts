import { Metadata, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { encodeCoordinatorMessage } from './coordinator-codec.ts';
import { MAX_HELLO_BYTES } from './limits.ts';
import type { CoordinatorMessage, Hello, WorkerMessage } from './message.ts';
import { Outbox } from './outbox.ts';
import { cutReason, reject, rejectAs } from './validate.ts';
import { decodeWorkerMessage } from './worker-codec.ts';
import { WireError } from './wire-error.ts';

/** A worker that has said hello. After it is closed, from either side, all three methods do nothing. */
export interface WorkerConnection {
  /** Unique within the server's life. */
  readonly id: string;
  /** `address:port` of the other end. */
  readonly peer: string;
  /**
   * Sends in order. A worker that does not read, until more than 64 MiB wait for it, is closed.
   * @throws WireError when the message is larger than 32 MiB
   */
  send(message: CoordinatorMessage): void;
  /** Turns the worker away for good: it is told not to dial again. */
  refuse(reason: string): void;
  /** Ends the stream once everything that was sent has left. */
  close(): void;
}

/** What the coordinator hears. Nothing is called from inside a method of a connection. */
export interface FleetServerHandlers {
  onHello(connection: WorkerConnection, hello: Hello): void;
  /** Every later message; never a hello. */
  onMessage(connection: WorkerConnection, message: WorkerMessage): void;
  /** Once for each connection that had its onHello, whichever side closed it. */
  onClosed(connection: WorkerConnection, reason: string): void;
  /** A peer that was sent away before its hello was accepted; a flood of them is told in part. */
  onRejected?(peer: string, reason: string): void;
  /** A port goes on, and somebody should look after it. */
  onTrouble?(reason: string): void;
}

export interface WorkerStreamLimits {
  readonly helloDeadlineMs: number;
  readonly maxQueuedBytes: number;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/**
 * The server's end of one stream.
 *
 * Invariants:
 * 1. The first message is a valid hello of our protocol, in time; until it came, only onRejected can be called.
 * 2. After onHello come any number of onMessage, then one onClosed, and nothing after it.
 * 3. The phase is `closed` before the stream is touched to end it, so its own events end it only once.
 */
export class WorkerStream implements WorkerConnection {
  readonly id: string;
  readonly peer: string;
  private readonly call: Call;
  private readonly handlers: FleetServerHandlers;
  private readonly outbox: Outbox;
  private readonly helloTimer: NodeJS.Timeout;
  private phase: 'greeting' | 'open' | 'closed' = 'greeting';

  constructor(id: string, call: Call, handlers: FleetServerHandlers, limits: WorkerStreamLimits) {
    this.id = id;
    this.peer = call.getPeer();
    this.call = call;
    this.handlers = handlers;
    this.outbox = new Outbox((bytes, written) => call.write(bytes, written), limits.maxQueuedBytes);
    this.helloTimer = setTimeout(() => {
      this.abort(status.DEADLINE_EXCEEDED, `no hello within ${limits.helloDeadlineMs} ms`);
    }, limits.helloDeadlineMs);
    call.on('data', (bytes: Buffer) => this.receive(bytes));
    call.on('end', () => this.finish('the worker ended the stream', () => call.end()));
    call.on('cancelled', () => {
      this.outbox.discard();
      this.finish(
        'the stream broke off: the worker vanished, or sent more than 32 MiB in one message',
        () => {},
      );
    });
  }

  send(message: CoordinatorMessage): void {
    if (this.phase === 'closed') return;
    if (this.outbox.push(encodeCoordinatorMessage(message))) return;
    this.abort(status.ABORTED, 'the worker does not read: too many bytes wait for it');
  }

  refuse(reason: string): void {
    const details = cutReason(reason);
    this.send({ kind: 'refused', reason: details });
    this.finish(`refused: ${details}`, () => this.endWith(status.FAILED_PRECONDITION, details));
  }

  close(): void {
    this.finish('closed by the coordinator', () => this.call.end());
  }

  private receive(bytes: Buffer): void {
    if (this.phase === 'closed') return;
    let message: WorkerMessage;
    try {
      message = this.phase === 'greeting' ? decodeHello(bytes) : decodeLater(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.code === 'protocol') this.refuse(error.message);
      else this.abort(status.INVALID_ARGUMENT, error.message);
      return;
    }
    if (message.kind === 'hello') {
      clearTimeout(this.helloTimer);
      this.phase = 'open';
      this.call.sendMetadata(new Metadata()); // tells the worker that it was accepted
      this.handlers.onHello(this, message);
    } else {
      this.handlers.onMessage(this, message);
    }
  }

  private abort(code: status, reason: string): void {
    this.outbox.discard();
    this.finish(reason, () => {});
    this.endWith(code, cutReason(reason));
  }

  private endWith(code: status, details: string): void {
    // The way that grpc-js offers to end a stream with a status.
    this.call.emit('error', Object.assign(new Error(details), { code, details }));
  }

  private finish(reason: string, whenSent: () => void): void {
    if (this.phase === 'closed') return;
    const known = this.phase === 'open';
    this.phase = 'closed'; // (3)
    clearTimeout(this.helloTimer);
    this.outbox.finish(whenSent);
    queueMicrotask(() => {
      if (known) this.handlers.onClosed(this, reason);
      else this.handlers.onRejected?.(this.peer, reason);
    });
  }
}

function decodeHello(bytes: Buffer): Hello {
  if (bytes.length > MAX_HELLO_BYTES) {
    rejectAs('the first message', `has ${bytes.length} bytes`, `a hello fits in ${MAX_HELLO_BYTES}`);
  }
  const message = decodeWorkerMessage(bytes);
  return message.kind === 'hello' ? message : reject('the first message', message.kind, 'must be a hello');
}

function decodeLater(bytes: Buffer): WorkerMessage {
  const message = decodeWorkerMessage(bytes);
  return message.kind === 'hello'
    ? reject('a later message', message.kind, 'only the first may be')
    : message;
}
