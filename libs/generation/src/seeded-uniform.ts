import { createHash } from 'node:crypto';

const DIGITS_BYTES = 6;

/**
 * A uniform number in `[0, 1)` for each step of a seed: 48 bits of the SHA-256 of both. No state is kept, so a text
 * that is continued from a later step goes on with the same numbers.
 */
export function seededUniform(seed: number, step: number): number {
  const digest = createHash('sha256').update(`${seed} ${step}`).digest();
  return digest.readUIntBE(0, DIGITS_BYTES) / 2 ** (8 * DIGITS_BYTES);
}
