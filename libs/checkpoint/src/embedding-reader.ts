import { closeSync, openSync, readSync } from 'node:fs';
import type { Checkpoint, TensorLocation } from './checkpoint.ts';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { decodeFloats } from './dtype.ts';

/** Reads rows of the embedding straight from the weights file, which stays open until `close`. */
export class EmbeddingReader {
  private readonly embedding: TensorLocation;
  private readonly descriptor: number;

  /** @throws CheckpointError when the file cannot be opened any more */
  constructor(checkpoint: Checkpoint) {
    this.embedding = checkpoint.embedding;
    try {
      this.descriptor = openSync(this.embedding.file, 'r');
    } catch (error) {
      throw fromFileSystem(error, this.embedding.file);
    }
  }

  /**
   * @returns `[tokens, hidden]`
   * @throws RangeError when a token id is outside the vocabulary
   * @throws CheckpointError when the file became shorter or unreadable
   */
  read(tokenIds: Int32Array): Float32Array {
    const { dtype, file, lengthBytes, offsetBytes, shape } = this.embedding;
    const rowBytes = lengthBytes / shape[0];
    const rows = new Uint8Array(tokenIds.length * rowBytes);
    tokenIds.forEach((token, i) => {
      if (token < 0 || token >= shape[0]) {
        throw new RangeError(`token id ${token} is outside the vocabulary of ${shape[0]} tokens`);
      }
      let filled = 0;
      while (filled < rowBytes) {
        const start = i * rowBytes + filled;
        const got = this.readSome(rows, start, rowBytes - filled, offsetBytes + token * rowBytes + filled);
        if (got === 0) throw new CheckpointError('truncated', `${file}: ends inside ${this.embedding.name}`);
        filled += got;
      }
    });
    return decodeFloats(dtype, rows);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private readSome(target: Uint8Array, start: number, length: number, offsetBytes: number): number {
    try {
      return readSync(this.descriptor, target, start, length, offsetBytes);
    } catch (error) {
      throw fromFileSystem(error, this.embedding.file);
    }
  }
}
