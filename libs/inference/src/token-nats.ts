import type { DecoderSession } from './decoder-session.ts';

/** Tokens whose logits exist at one time. */
const CHUNK_TOKENS = 128;

/**
 * Negative log-likelihood of a token by its logits, in nats, in float64.
 * @param logits `[vocabulary]`
 */
export function tokenNats(logits: Float32Array, tokenId: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return largest + Math.log(sum) - logits[tokenId];
}

/**
 * Mean negative log-likelihood of a row by a decoder graph that computes the logits of every token, in nats.
 * @throws Error when it computes a value that is not finite
 */
export async function rowNats(session: DecoderSession, tokenIds: Int32Array): Promise<number> {
  const { vocabSize } = session;
  const targets = tokenIds.subarray(1);
  const cache = session.startCache(targets.length);
  let total = 0;
  for (let start = 0; start < targets.length; start += CHUNK_TOKENS) {
    const chunk = tokenIds.subarray(start, Math.min(start + CHUNK_TOKENS, targets.length));
    const logits = await session.advance(cache, chunk);
    chunk.forEach((_, i) => {
      total += tokenNats(logits.subarray(i * vocabSize, (i + 1) * vocabSize), targets[start + i]);
    });
  }
  if (Number.isFinite(total)) return total / targets.length;
  throw new Error(`the model computes a score of ${total} on a row: check the weights and the dtype`);
}
