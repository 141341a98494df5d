import type { ArtifactSource, FetchReply, FetchRequest, Manifest, ManifestReply } from '../src/index.ts';

/** What a line or a server between source and cache does. Counts the bytes that it passes on. */
export class LyingSource implements ArtifactSource {
  servedBytes = 0;
  fetches: FetchRequest[] = [];
  private readonly source: ArtifactSource;
  private readonly lies: {
    readonly manifest?: (manifest: Manifest) => Manifest;
    readonly data?: (bytes: Buffer, offsetBytes: number, request: FetchRequest) => Uint8Array;
  };

  constructor(source: ArtifactSource, lies: LyingSource['lies'] = {}) {
    this.source = source;
    this.lies = lies;
  }

  async *manifest(fingerprint: string, signal: AbortSignal): AsyncGenerator<ManifestReply> {
    for await (const reply of this.source.manifest(fingerprint, signal)) {
      const { manifest: lie } = this.lies;
      yield reply.kind === 'manifest' && lie ? { kind: 'manifest', manifest: lie(reply.manifest) } : reply;
    }
  }

  async *fetch(request: FetchRequest, signal: AbortSignal): AsyncGenerator<FetchReply> {
    this.fetches.push(request);
    let at = request.offsetBytes;
    for await (const reply of this.source.fetch(request, signal)) {
      if (reply.kind === 'waiting') {
        yield reply;
        continue;
      }
      const bytes = this.lies.data?.(Buffer.from(reply.bytes), at, request) ?? reply.bytes;
      at += reply.bytes.length;
      this.servedBytes += bytes.length;
      yield { kind: 'data', bytes };
    }
  }
}
