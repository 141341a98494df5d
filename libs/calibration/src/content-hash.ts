import { createHash } from 'node:crypto';

/**
 * `sha256:…` over the rows in order: for each its length (uint32) and its ids (int32), little-endian. Equal
 * hashes mean equal rows in equal order, whatever file and tokenizer they came from.
 */
export function contentHash(rows: readonly Int32Array[]): string {
  const hash = createHash('sha256');
  for (const row of rows) {
    const bytes = Buffer.alloc(4 * (row.length + 1));
    bytes.writeUInt32LE(row.length, 0);
    row.forEach((id, i) => bytes.writeInt32LE(id, 4 * (i + 1)));
    hash.update(bytes);
  }
  return `sha256:${hash.digest('hex')}`;
}
