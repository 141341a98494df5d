import { smallFile, type ExportPlan } from '../src/index.ts';
import { SYNC_BYTES } from '../src/durable-file.ts';
import { patternFile } from './pattern-file.ts';

/** Two sync points and some. */
export const LARGE_BYTES = 2 * SYNC_BYTES + 1000;

/** A plan of a small file and a large one. */
export function planOf(
  beforeChunk?: (startBytes: number) => Promise<void> | void,
  card = '# Card\n',
): ExportPlan {
  return {
    files: [smallFile('README.md', card), patternFile('model.safetensors', LARGE_BYTES, beforeChunk)],
    notes: [],
  };
}
