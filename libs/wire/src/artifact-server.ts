import { Server, type ServerWritableStream } from '@grpc/grpc-js';
import type { ArtifactSource } from '@blockpruner/artifacts';
import {
  decodeFetchRequest,
  decodeManifestRequest,
  encodeFetchReply,
  encodeManifestReply,
} from './artifact-codec.ts';
import { ARTIFACT_SERVICE } from './artifact-proto.ts';
import { statusOf } from './artifact-status.ts';
import { bindServer } from './bind-server.ts';
import { SERVER_OPTIONS } from './channel-options.ts';

/** A peer that reads nothing for so long gives up its slot to others. */
const UNREAD_MS = 60_000;

type Call = ServerWritableStream<Buffer, Buffer>;

/** Serves the files of a model over gRPC. */
export class ArtifactServer {
  private readonly server = new Server(SERVER_OPTIONS);
  private readonly unreadMs: number;

  /** @param unreadMs how long a peer may read nothing; a minute */
  constructor(source: ArtifactSource, unreadMs = UNREAD_MS) {
    this.unreadMs = unreadMs;
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
   * @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound
   */
  listen(host: string, port: number): Promise<number> {
    return bindServer(this.server, host, port);
  }

  /** Breaks every stream off: who fetches goes on elsewhere, or later. */
  close(): void {
    this.server.forceShutdown();
  }

  /** Sends the replies as fast as they are read. */
  private async answer<Request, Reply>(
    call: Call,
    decode: (bytes: Buffer) => Request,
    encode: (reply: Reply) => Buffer,
    replies: (request: Request, signal: AbortSignal) => AsyncIterable<Reply>,
  ): Promise<void> {
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
