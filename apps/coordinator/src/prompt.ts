import type { Readable } from 'node:stream';
import { UsageError } from './usage-error.ts';

/** Of standard input: ten times what the longest contexts hold. */
const MAX_PROMPT_BYTES = 2 ** 26;

/**
 * The text of `--prompt`, or of standard input where that is `-`.
 * @throws UsageError when standard input is empty, too large, or no text
 */
export async function readPrompt(given: string, input: Readable): Promise<string> {
  if (given !== '-') return given;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of input as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_PROMPT_BYTES) {
      throw new UsageError(
        `--prompt - reads standard input, which has more than ${MAX_PROMPT_BYTES} bytes: give a shorter text`,
      );
    }
    chunks.push(chunk);
  }
  if (sizeBytes === 0) throw new UsageError('--prompt - reads standard input, which is empty: give a text');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new UsageError('--prompt - reads standard input, which is not valid UTF-8: give a text in UTF-8');
  }
}
