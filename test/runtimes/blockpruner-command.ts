import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const BLOCKPRUNER = join(import.meta.dirname, '../../apps/coordinator/bin/blockpruner');

/**
 * Runs a `blockpruner` command on the CPU.
 * @returns what it prints
 * @throws Error with what it says, where it fails
 */
export function blockpruner(...words: readonly string[]): string {
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: '' };
  return execFileSync(BLOCKPRUNER, words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
