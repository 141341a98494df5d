/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;

/** One file of a model, with the hashes that a copy is checked against. */
export interface ArtifactFile {
  /** `isSafeName`. */
  readonly name: string;
  /** At least 1. */
  readonly sizeBytes: number;
  /** Of the whole content, in hexadecimal. */
  readonly sha256: string;
  /** The SHA-256 of each chunk, one after the other. */
  readonly chunkHashes: Uint8Array;
}

/** The files that a model consists of. */
export interface Manifest {
  /** Bytes of every chunk but the last of a file. */
  readonly chunkBytes: number;
  /** The file that is opened as the model; null: the folder with all files is. */
  readonly entry: string | null;
  readonly files: readonly ArtifactFile[];
}

/** Where a chunk lies in its file. */
export interface ChunkRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

export function chunkRange(sizeBytes: number, chunkBytes: number, index: number): ChunkRange {
  const offsetBytes = index * chunkBytes;
  return { offsetBytes, lengthBytes: Math.min(chunkBytes, sizeBytes - offsetBytes) };
}

/** The announced hash of a chunk. */
export function chunkHash({ chunkHashes }: ArtifactFile, index: number): Uint8Array {
  return chunkHashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** Of all files; one content under two names counts once. */
export function totalBytes(files: readonly Pick<ArtifactFile, 'sha256' | 'sizeBytes'>[]): number {
  const sizes = new Map(files.map(({ sha256, sizeBytes }) => [sha256, sizeBytes]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
