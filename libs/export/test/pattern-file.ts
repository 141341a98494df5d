import type { PlannedFile } from '../src/index.ts';

const CHUNK_BYTES = 2 ** 20;
const PERIOD = 251;

/** Long enough for a chunk from any place of the period on. */
const PATTERN = Uint8Array.from({ length: CHUNK_BYTES + PERIOD }, (_, i) => i % PERIOD);

/** A file of a pattern that no power of two is a period of, in chunks of a MiB; what `beforeChunk` gives is awaited. */
export function patternFile(
  name: string,
  sizeBytes: number,
  beforeChunk: (startBytes: number) => Promise<void> | void = () => undefined,
): PlannedFile {
  return {
    name,
    sizeBytes,
    async *read(offsetBytes) {
      for (let start = offsetBytes; start < sizeBytes; start += CHUNK_BYTES) {
        await beforeChunk(start);
        const from = start % PERIOD;
        yield PATTERN.subarray(from, from + Math.min(CHUNK_BYTES, sizeBytes - start));
      }
    },
  };
}
