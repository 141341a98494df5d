import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ArtifactSource } from '@blockpruner/artifacts';
import {
  decodeFetchRequest,
  decodeManifestRequest,
  encodeFetchReply,
  encodeManifestReply,
} from './artifact-codec.ts';
import { ARTIFACT_SERVICE } from './artifact-proto.ts';
import { statusOf } from './artifact-status.ts';
import { GuardedServer } from './guarded-server.ts';
import type { ServerSecurity } from './security.ts';

/** A peer that reads nothing for so long gives up its slot to others. */
const UNREAD_MS = 60_000;

type Call = ServerWritableStream<Buffer, Buffer>;

/** A connection without a call that was let in is cut off after so long. */
const STRANGER_DEADLINE_MS = 10_000;

/** What is left out takes its default. */
export interface ArtifactServerOptions {
  readonly security?: ServerSecurity;
  /** How long a peer may read nothing; a minute. */
  readonly unreadMs?: number;
  /** A peer that was turned away, or trouble with the port that somebody should look after. */
  readonly onRefused?: (reason: string) => void;
}

/** Serves the files of a model over gRPC, to those that are let in as workers are. */
export class ArtifactServer {
  private readonly server: GuardedServer;
  private readonly unreadMs: number;

  constructor(source: ArtifactSource, options: ArtifactServerOptions = {}) {
    const { security = {}, unreadMs = UNREAD_MS, onRefused = () => undefined } = options;
    this.unreadMs = unreadMs;
    this.server = new GuardedServer({
      security,
      strangerDeadlineMs: STRANGER_DEADLINE_MS,
      onRefused: (peer, reason) => onRefused(`${peer}: ${reason}`),
      onTrouble: onRefused,
    });
    this.server.addService(ARTIFACT_SERVICE, {
      GetManifest: (call: Call) =>
        void this.answer(call, decodeManifestRequest, encodeManifestReply, (fingerprint, signal) =>
          source.manifest(fingerprint, signal),
        ),
      Fetch: (call: Call) =>
        void this.answer(call, decodeFetchRequest, encodeFetchReply, (request, signal) =>
          source.fetch(request, signal),
        ),
    });
  }

  /**
   * Listens on one address of the host.
   * @param port 0 for any free one
   * @returns the port that was bound
   * @throws WireError `port-in-use`, `cannot-listen` for a host or port that cannot be bound, or `bad-credentials`
   */
  listen(host: string, port: number): Promise<number> {
    return this.server.listen(host, port);
  }

  /** Breaks every stream off: who fetches goes on elsewhere, or later. */
  close(): Promise<void> {
    return this.server.close(0);
  }

  /** Sends the replies as fast as they are read. */
  private async answer<Request, Reply>(
    call: Call,
    decode: (bytes: Buffer) => Request,
    encode: (reply: Reply) => Buffer,
    replies: (request: Request, signal: AbortSignal) => AsyncIterable<Reply>,
  ): Promise<void> {
    this.server.admit(call);
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    call.on('close', () => gone.abort());
    try {
      for await (const reply of replies(decode(call.request), gone.signal)) {
        if (!call.write(encode(reply))) await this.drained(call, gone);
      }
      call.end();
    } catch (error) {
      if (call.cancelled) return;
      // The way that grpc-js offers to end a stream with a status.
      call.emit('error', Object.assign(new Error('refused'), statusOf(error)));
    }
  }

  private async drained(call: Call, gone: AbortController): Promise<void> {
    const timer = setTimeout(() => gone.abort(), this.unreadMs);
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = (): void => reject(new Error('the peer is gone, or reads nothing'));
        gone.signal.addEventListener('abort', stop, { once: true });
        call.once('drain', () => {
          gone.signal.removeEventListener('abort', stop);
          resolve();
        });
        if (gone.signal.aborted) stop();
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
