import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentHash } from './content-hash.ts';

const rows = (...ids: number[][]): Int32Array[] => ids.map((row) => Int32Array.from(row));

describe('contentHash', () => {
  it('is the sha256 of each length and its ids, little-endian', () => {
    const bytes = Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 0x2c, 1, 0, 0]);
    expect(contentHash(rows([1, 300]))).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  });

  it('changes with the order of rows and with where a row ends', () => {
    const hashes = [rows([1, 2], [3, 4]), rows([3, 4], [1, 2]), rows([1, 2, 3, 4]), rows([1], [2, 3, 4])];
    expect(new Set(hashes.map(contentHash)).size).toBe(4);
  });
});
