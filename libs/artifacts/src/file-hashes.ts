import { createHash } from 'node:crypto';
import { ArtifactError } from './artifact-error.ts';
import type { ArtifactFile } from './manifest.ts';
import { requireUnchanged, type OpenFile } from './served-file.ts';

const READ_BYTES = 2 ** 20;

/**
 * Reads a file whole and hashes it, and each chunk of it.
 * @param onBytes hears of each piece that was read
 * @throws ArtifactError when the file changes meanwhile
 */
export async function hashFile(
  file: OpenFile,
  chunkBytes: number,
  onBytes: (bytes: number) => void,
): Promise<ArtifactFile> {
  const whole = createHash('sha256');
  const chunkHashes: Buffer[] = [];
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, chunkBytes));
  for (let start = 0; start < file.sizeBytes; start += chunkBytes) {
    const end = Math.min(start + chunkBytes, file.sizeBytes);
    const chunk = createHash('sha256');
    for (let at = start; at < end;) {
      const { bytesRead } = await file.handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      whole.update(bytes);
      chunk.update(bytes);
      at += bytesRead;
      onBytes(bytesRead);
    }
    chunkHashes.push(chunk.digest());
  }
  await requireUnchanged(file);
  if (file.sizeBytes === 0)
    throw new ArtifactError('changed', `${file.name} is empty: it belongs to no model`);
  return {
    name: file.name,
    sizeBytes: file.sizeBytes,
    sha256: whole.digest('hex'),
    chunkHashes: Buffer.concat(chunkHashes),
  };
}
