/** Main of the process that tokenizes. What it is asked to load comes first; it answers one request after the other. */
import { Tokenizer } from 'tokenizers';
import { quoteCause } from './calibration-error.ts';
import { watchProcess } from './process-watch.ts';
import type { NamedToken, TokenizerReply, TokenizerRequest } from './tokenizer-process.ts';

/** A text that every vocabulary has a token for. */
const PROBE = 'a';

let tokenizer: Tokenizer | undefined;
const boundMemory = watchProcess(Number.POSITIVE_INFINITY);

process.on('message', (message) => {
  const { maxBytes, ...request } = message as TokenizerRequest;
  boundMemory(maxBytes);
  void answer(request as TokenizerRequest).then((reply) => process.send?.(reply));
});

async function answer(request: TokenizerRequest): Promise<TokenizerReply> {
  try {
    if (request.kind === 'load') {
      tokenizer = load(request.json);
      return { kind: 'loaded', ...(await specialTokensAround(tokenizer)) };
    }
    if (tokenizer === undefined) throw new Error('no tokenizer is loaded');
    if (request.kind === 'decode')
      return { kind: 'text', text: await tokenizer.decode([...request.ids], true) };
    const { addSpecialTokens } = request;
    const encodings = await tokenizer.encodeBatch([...request.texts], { addSpecialTokens });
    return { kind: 'ids', ids: encodings.map((encoding) => Int32Array.from(encoding.getIds())) };
  } catch (error) {
    return { kind: 'failed', code: 'tokenizer', message: quoteCause(error) };
  }
}

function load(json: string): Tokenizer {
  const loaded = Tokenizer.fromString(json);
  const { model } = JSON.parse(json) as { model?: { dropout?: unknown } };
  if (typeof model?.dropout === 'number' && model.dropout > 0)
    throw new Error(`model.dropout is ${model.dropout}, which gives other ids each time; set it to null`);
  loaded.disableTruncation();
  loaded.disablePadding();
  return loaded;
}

/** What the post-processor puts in front of a text and behind it. */
async function specialTokensAround(
  loaded: Tokenizer,
): Promise<{ readonly prefix: NamedToken[]; readonly suffix: NamedToken[] }> {
  const text = (await loaded.encode(PROBE, null, { addSpecialTokens: false })).getIds();
  if (text.length === 0) throw new Error(`the text ${JSON.stringify(PROBE)} has no token`);
  const encoding = await loaded.encode(PROBE, null, { addSpecialTokens: true });
  const [ids, tokens, isSpecial] = [encoding.getIds(), encoding.getTokens(), encoding.getSpecialTokensMask()];
  const start = isSpecial.indexOf(0);
  const around = ids.length - text.length;
  const named = ids.map((id, i) => ({ token: tokens[i], id }));
  if (text.some((id, i) => ids[start + i] !== id) || isSpecial.filter(Boolean).length !== around)
    throw new Error('post_processor repeats or changes a text, where others put tokens around it');
  return { prefix: named.slice(0, start), suffix: named.slice(start + text.length) };
}
