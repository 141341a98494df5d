import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '@blockpruner/whole-file';
import { chunkCount, HASH_BYTES, type ArtifactFile } from './manifest.ts';
import type { ServedFile } from './served-file.ts';

/** Hexadecimal digits of the hash in the name of an entry. */
const ENTRY_DIGITS = 32;

/**
 * The hashes of files that were read whole once, so that the next run need not read them again. An entry is found by
 * model, name, size, time and inode; a cache that cannot be written only costs the next run time.
 */
export class HashCache {
  private readonly folder: string;
  private readonly fingerprint: string;
  private readonly chunkBytes: number;

  constructor(cacheFolder: string, fingerprint: string, chunkBytes: number) {
    this.folder = join(cacheFolder, 'artifact-hashes');
    this.fingerprint = fingerprint;
    this.chunkBytes = chunkBytes;
  }

  async find(file: ServedFile): Promise<ArtifactFile | null> {
    const text = await readFile(this.entryOf(file), 'utf8').catch(() => null);
    if (text === null) return null;
    const [sha256, encoded] = text.trimEnd().split('\n');
    const chunkHashes = Buffer.from(encoded ?? '', 'base64');
    const isWhole =
      /^[0-9a-f]{64}$/.test(sha256) &&
      chunkHashes.length === HASH_BYTES * chunkCount(file.sizeBytes, this.chunkBytes);
    return isWhole ? { name: file.name, sizeBytes: file.sizeBytes, sha256, chunkHashes } : null;
  }

  async keep(file: ServedFile, { sha256, chunkHashes }: ArtifactFile): Promise<void> {
    const text = `${sha256}\n${Buffer.from(chunkHashes).toString('base64')}\n`;
    await mkdir(this.folder, { recursive: true })
      .then(() => writeWhole(this.entryOf(file), text))
      .catch(() => undefined); // without it the file is hashed again, no more
  }

  private entryOf({ name, sizeBytes, modifiedMs, inode }: ServedFile): string {
    const key = JSON.stringify([this.fingerprint, this.chunkBytes, name, sizeBytes, modifiedMs, inode]);
    return join(this.folder, createHash('sha256').update(key).digest('hex').slice(0, ENTRY_DIGITS));
  }
}
