import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactError } from './artifact-error.ts';
import type { ArtifactSource, FetchReply, FetchRequest, ManifestReply } from './artifact-source.ts';
import { ByteRate } from './byte-rate.ts';
import { hashFile } from './file-hashes.ts';
import { HashCache } from './hash-cache.ts';
import { CHUNK_BYTES, MESSAGE_BYTES } from './limits.ts';
import type { Manifest } from './manifest.ts';
import { openFiles, requireUnchanged, type OpenFile, type ServedFile } from './served-file.ts';
import { StreamSlots } from './stream-slots.ts';

const NOTICE_MS = 2000;

/** The one model that is served. */
export interface ServedModel {
  readonly fingerprint: string;
  /** The file that is opened as the model; null: the folder with all files is. */
  readonly entry: string | null;
  readonly files: readonly ServedFile[];
}

export interface StoreOptions {
  /** Keeps the hashes. */
  readonly cacheFolder: string;
  /** Fetches that run at once. */
  readonly maxStreams: number;
  /** Of all fetches together; null: as fast as they go. */
  readonly bytesPerSecond: number | null;
  readonly chunkBytes?: number;
}

type Hashing =
  { readonly at: 'idle' } | { readonly at: 'running' | 'done'; readonly manifest: Promise<Manifest> };

/**
 * The files of one model, served as they lie on disk.
 *
 * Invariants:
 * 1. Nothing is ever read but the files that were open before the first request, by their handles.
 * 2. They are hashed once, at the first request; who asks meanwhile hears how far that is. A failure is not kept.
 * 3. A fetch holds a slot from its first byte to its end, however it ends.
 */
export class ArtifactStore implements ArtifactSource {
  private readonly model: ServedModel;
  private readonly files: readonly OpenFile[];
  private readonly chunkBytes: number;
  private readonly hashes: HashCache;
  private readonly slots: StreamSlots;
  private readonly rate: ByteRate | null;
  private readonly totalBytes: number;
  private hashedBytes = 0;
  private hashing: Hashing = { at: 'idle' };

  private constructor(model: ServedModel, files: readonly OpenFile[], options: StoreOptions) {
    const { cacheFolder, maxStreams, bytesPerSecond, chunkBytes = CHUNK_BYTES } = options;
    this.model = model;
    this.files = files;
    this.chunkBytes = chunkBytes;
    this.hashes = new HashCache(cacheFolder, model.fingerprint, chunkBytes);
    this.slots = new StreamSlots(maxStreams);
    this.rate = bytesPerSecond === null ? null : new ByteRate(bytesPerSecond);
    this.totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** @throws ArtifactError when a file is not the one that was identified */
  static async open(model: ServedModel, options: StoreOptions): Promise<ArtifactStore> {
    return new ArtifactStore(model, await openFiles(model.files), options);
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map(({ handle }) => handle.close()));
  }

  async *manifest(fingerprint: string, signal: AbortSignal): AsyncGenerator<ManifestReply, void> {
    if (fingerprint !== this.model.fingerprint) {
      throw new ArtifactError('not-served', 'this coordinator serves another model');
    }
    const manifest = this.hash();
    void manifest.catch(() => undefined);
    while (this.hashing.at === 'running') {
      yield { kind: 'hashing', doneBytes: this.hashedBytes, totalBytes: this.totalBytes };
      await Promise.race([manifest, sleep(NOTICE_MS, undefined, { signal, ref: false })]);
    }
    yield { kind: 'manifest', manifest: await manifest };
  }

  async *fetch(request: FetchRequest, signal: AbortSignal): AsyncGenerator<FetchReply, void> {
    const { files } = await this.hash();
    const index = files.findIndex(({ sha256 }) => sha256 === request.sha256);
    if (index < 0) throw new ArtifactError('not-served', 'no file of the model has this hash');
    const file = this.files[index];
    const { offsetBytes, lengthBytes } = request;
    if (offsetBytes + lengthBytes > file.sizeBytes) {
      throw new ArtifactError(
        'refused',
        `${lengthBytes} bytes from ${offsetBytes} do not lie in a file of ${file.sizeBytes}`,
      );
    }
    for await (const ahead of this.slots.enter(signal)) yield { kind: 'waiting', ahead };
    try {
      await requireUnchanged(file);
      yield* this.read(file, request, signal);
    } finally {
      this.slots.leave(); // (3)
    }
  }

  private async *read(
    file: OpenFile,
    { offsetBytes, lengthBytes }: FetchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<FetchReply, void> {
    const end = offsetBytes + lengthBytes;
    for (let at = offsetBytes; at < end;) {
      signal.throwIfAborted();
      const bytes = Buffer.allocUnsafe(Math.min(MESSAGE_BYTES, end - at));
      const { bytesRead } = await file.handle.read(bytes, 0, bytes.length, at);
      if (bytesRead === 0) await requireUnchanged(file);
      if (bytesRead === 0) throw new ArtifactError('changed', `${file.name} ends at ${at}`);
      await this.rate?.pass(bytesRead, signal);
      yield { kind: 'data', bytes: bytes.subarray(0, bytesRead) };
      at += bytesRead;
    }
  }

  private hash(): Promise<Manifest> {
    if (this.hashing.at !== 'idle') return this.hashing.manifest;
    this.hashedBytes = 0;
    const manifest = this.hashAll();
    this.hashing = { at: 'running', manifest };
    manifest.then(
      () => (this.hashing = { at: 'done', manifest }),
      () => (this.hashing = { at: 'idle' }), // (2)
    );
    return manifest;
  }

  private async hashAll(): Promise<Manifest> {
    const { chunkBytes } = this;
    const files = [];
    for (const file of this.files) {
      const known = await this.hashes.find(file);
      const hashed = known ?? (await hashFile(file, chunkBytes, (bytes) => (this.hashedBytes += bytes)));
      if (known === null) await this.hashes.keep(file, hashed);
      else this.hashedBytes += file.sizeBytes;
      files.push(hashed);
    }
    return { chunkBytes, entry: this.model.entry, files };
  }
}
