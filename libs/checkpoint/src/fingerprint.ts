import { createHash, type Hash } from 'node:crypto';
import { readInto, withFile } from './file-bytes.ts';

const SAMPLE_BYTES = 64 * 1024;
const SAMPLE_COUNT = 64;

/** What of a weights file goes into the fingerprint, besides samples of its content. */
interface FingerprintedFile {
  readonly file: string;
  readonly sizeBytes: number;
  /** Leading bytes that are hashed whole. */
  readonly headerBytes: number;
}

async function addFile(hash: Hash, { file, sizeBytes, headerBytes }: FingerprintedFile): Promise<void> {
  hash.update(`${sizeBytes} ${headerBytes}\n`);
  await withFile(file, async (handle) => {
    const header = Buffer.alloc(headerBytes);
    await readInto(handle, file, header, 0);
    hash.update(header);
    const sample = Buffer.alloc(Math.min(SAMPLE_BYTES, sizeBytes));
    const lastOffset = sizeBytes - sample.length;
    for (let i = 0; i < SAMPLE_COUNT; i++) {
      await readInto(handle, file, sample, Math.floor((lastOffset * i) / (SAMPLE_COUNT - 1)));
      hash.update(sample);
    }
  });
}

/**
 * Identifies a model without reading all of it: its config, and of each weights file the size, the header and 64
 * samples of 64 KiB spread evenly from the first byte to the last. Paths are left out, so that a copy elsewhere is
 * the same model.
 */
export async function fingerprintModel(
  config: Uint8Array,
  files: readonly FingerprintedFile[],
): Promise<string> {
  const hash = createHash('sha256').update(`${config.length}\n`).update(config);
  for (const file of files) await addFile(hash, file);
  return `sha256:${hash.digest('hex')}`;
}
