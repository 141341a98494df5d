import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArtifactStore, identifyFiles, type StoreOptions } from '../src/index.ts';

export const CHUNK_BYTES = 1024;

/** Files of random bytes that stand for a model, and what serves them. */
export interface ModelFolder {
  readonly fingerprint: string;
  readonly path: string;
  readonly bytes: ReadonlyMap<string, Buffer>;
  readonly serve: (options?: Partial<StoreOptions>) => Promise<ArtifactStore>;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param files the content of each by name, or its size where any will do */
export function writeModelFolder(path: string, files: Record<string, number | Buffer>): ModelFolder {
  mkdirSync(path, { recursive: true });
  const bytes = new Map(
    Object.entries(files).map(([name, file]) => [name, typeof file === 'number' ? randomBytes(file) : file]),
  );
  for (const [name, content] of bytes) writeFileSync(join(path, name), content);
  const fingerprint = `sha256:${sha256(Buffer.concat([...bytes.values()]))}`;
  return {
    fingerprint,
    path,
    bytes,
    serve: async (options = {}) =>
      ArtifactStore.open(
        {
          fingerprint,
          entry: null,
          files: await identifyFiles([...bytes.keys()].map((name) => ({ name, path: join(path, name) }))),
        },
        {
          cacheFolder: join(path, '..', 'of-coordinator'),
          maxStreams: 8,
          bytesPerSecond: null,
          chunkBytes: CHUNK_BYTES,
          ...options,
        },
      ),
  };
}
