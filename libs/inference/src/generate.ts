import { nextToken, type Generation, type GenerateRequest } from '@blockpruner/generation';
import type { DecoderSession } from './decoder-session.ts';

/**
 * Goes on with a text, token by token.
 * @param onToken is told each token as it is chosen, but for one that ends the text
 * @throws RangeError when the prompt has no token, one outside the vocabulary, or leaves no room in the model's context
 */
export async function generate(
  session: DecoderSession,
  { tokenIds, maxNewTokens, sampling, stopIds }: GenerateRequest,
  onToken: (tokenId: number) => void,
): Promise<Generation> {
  const { contextTokens } = session;
  checkPrompt(tokenIds, session);
  const room = contextTokens - tokenIds.length;
  const limit = Math.min(maxNewTokens, room);
  const cache = session.startCache(tokenIds.length + limit);
  const startedMs = performance.now();
  let logits = await session.prefill(cache, tokenIds);
  const prefilledMs = performance.now();
  let newTokens = 0;
  let decodeSteps = 0;
  let end: Generation['end'] = room < maxNewTokens ? 'context' : 'max-tokens';
  while (newTokens < limit) {
    const tokenId = nextToken(logits, sampling, newTokens);
    if (stopIds.includes(tokenId)) {
      end = 'stop-token';
      break;
    }
    onToken(tokenId);
    newTokens++;
    if (newTokens < limit) {
      logits = await session.advance(cache, Int32Array.of(tokenId));
      decodeSteps++;
    }
  }
  return {
    promptTokens: tokenIds.length,
    newTokens,
    prefillSeconds: (prefilledMs - startedMs) / 1000,
    decodeSteps,
    decodeSeconds: (performance.now() - prefilledMs) / 1000,
    end,
  };
}

function checkPrompt(tokenIds: Int32Array, { contextTokens, vocabSize }: DecoderSession): void {
  if (tokenIds.length === 0) throw new RangeError('the prompt has no token: give a text');
  if (tokenIds.length >= contextTokens) {
    throw new RangeError(
      `the prompt has ${tokenIds.length} tokens and the model's context holds ${contextTokens}: shorten it`,
    );
  }
  const outside = tokenIds.find((id) => id < 0 || id >= vocabSize);
  if (outside !== undefined) {
    throw new RangeError(
      `the prompt has token ${outside} and the model's vocabulary has ${vocabSize}: give the tokenizer of this model`,
    );
  }
}
