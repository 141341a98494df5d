import { createHash } from 'node:crypto';
import { constants, open, type FileHandle } from 'node:fs/promises';
import { chunkCount, chunkHash, chunkRange, type ArtifactFile, type ChunkRange } from './manifest.ts';

const READ_BYTES = 2 ** 20;

/** Consecutive chunks, both included. */
export interface ChunkSpan extends ChunkRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The file that a blob is put together in.
 *
 * Invariants:
 * 1. Only chunks whose hash is right are written, each at its own place: two processes that write to one file at once
 *    write the same bytes.
 * 2. `missing` holds, ascending, the chunks that were neither found intact nor written since.
 * 3. `whole` has seen exactly the first `hashedBytes`.
 */
export class PartialBlob {
  readonly file: ArtifactFile;
  readonly chunkBytes: number;
  private readonly handle: FileHandle;
  private readonly missing = new Set<number>();
  private missingBytes: number;
  /** Of all `put`. */
  writtenBytes = 0;
  private readonly whole = createHash('sha256');
  private hashedBytes = 0;

  private constructor(file: ArtifactFile, chunkBytes: number, handle: FileHandle) {
    this.file = file;
    this.chunkBytes = chunkBytes;
    this.handle = handle;
    this.missingBytes = file.sizeBytes;
    for (let index = 0; index < chunkCount(file.sizeBytes, chunkBytes); index++) this.missing.add(index);
  }

  static async open(path: string, file: ArtifactFile, chunkBytes: number): Promise<PartialBlob> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    return new PartialBlob(file, chunkBytes, await open(path, flags, 0o666));
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  get doneBytes(): number {
    return this.file.sizeBytes - this.missingBytes;
  }

  range(index: number): ChunkRange {
    return chunkRange(this.file.sizeBytes, this.chunkBytes, index);
  }

  /** Keeps what an earlier download left, chunk by chunk. */
  async takeOver(signal: AbortSignal, onBytes: () => void): Promise<void> {
    const { size } = await this.handle.stat();
    for (const index of [...this.missing]) {
      const { offsetBytes, lengthBytes } = this.range(index);
      if (offsetBytes + lengthBytes > size) break;
      signal.throwIfAborted();
      const bytes = Buffer.allocUnsafe(lengthBytes);
      const hash = createHash('sha256');
      for await (const piece of this.pieces(offsetBytes, lengthBytes, bytes)) hash.update(piece);
      if (!hash.digest().equals(chunkHash(this.file, index))) continue;
      this.account(index, bytes);
      onBytes();
    }
  }

  /** The first chunks that are missing in a row; null when none is. */
  nextSpan(): ChunkSpan | null {
    const [first] = this.missing;
    if (first === undefined) return null;
    let count = 1;
    while (this.missing.has(first + count)) count += 1;
    const last = first + count - 1;
    const { offsetBytes } = this.range(first);
    const end = this.range(last);
    return { first, last, offsetBytes, lengthBytes: end.offsetBytes + end.lengthBytes - offsetBytes };
  }

  /** Writes a chunk whose hash was found right (1). */
  async put(index: number, bytes: Uint8Array): Promise<void> {
    const { offsetBytes } = this.range(index);
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, offsetBytes + done);
      done += bytesWritten;
    }
    this.writtenBytes += bytes.length;
    this.account(index, bytes);
  }

  /** Whether the content as a whole is what the blob's name says; on the disk when it is. */
  async finish(signal: AbortSignal): Promise<boolean> {
    const { sizeBytes, sha256 } = this.file;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for await (const piece of this.pieces(this.hashedBytes, sizeBytes - this.hashedBytes, buffer)) {
      signal.throwIfAborted();
      this.whole.update(piece);
    }
    if (this.whole.digest('hex') !== sha256) return false;
    await this.handle.truncate(sizeBytes); // an earlier download of another size may have left a tail
    await this.handle.sync();
    return true;
  }

  private account(index: number, bytes: Uint8Array): void {
    if (this.missing.delete(index)) this.missingBytes -= bytes.length;
    if (this.range(index).offsetBytes !== this.hashedBytes) return;
    this.whole.update(bytes); // (3)
    this.hashedBytes += bytes.length;
  }

  /** Reads into the buffer, from its start each time it is full. */
  private async *pieces(offsetBytes: number, lengthBytes: number, buffer: Buffer): AsyncGenerator<Buffer> {
    const end = offsetBytes + lengthBytes;
    for (let at = offsetBytes, into = 0; at < end;) {
      if (into === buffer.length) into = 0;
      const want = Math.min(READ_BYTES, buffer.length - into, end - at);
      const { bytesRead } = await this.handle.read(buffer, into, want, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(into, into + bytesRead);
      at += bytesRead;
      into += bytesRead;
    }
  }
}
