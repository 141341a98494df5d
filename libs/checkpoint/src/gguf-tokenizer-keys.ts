import { isDeepStrictEqual } from 'node:util';
import { CheckpointError } from './checkpoint-error.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { PRE_TOKENIZER_NAMES, preTokenizerName, withoutOffsets } from './gguf-tokenizer-bpe.ts';
import { scoresFromMerges } from './gguf-tokenizer-spm.ts';
import { TOKEN_TYPES } from './gguf-token-types.ts';
import type { GgufValue } from './gguf-value.ts';
import { readTokenizerDocument, type TokenizerDocument } from './tokenizer-document.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';

/** The keys of a GGUF that say what a tokenizer is, or why none can. */
export type GgufTokenizerKeys =
  | { readonly keys: ReadonlyMap<string, GgufValue>; readonly reason: null }
  | { readonly keys: null; readonly reason: string };

/** Ids that a model's own config.json names, for where its tokenizer names none. */
interface ModelTokenIds {
  readonly bos: number | null;
  readonly eos: number | null;
  readonly pad: number | null;
}

/**
 * Converts a tokenizer into the keys of a GGUF. They are converted back by the reader of GGUF, and only what comes back
 * as the same tokenizer is given: a near guess would split text wrongly.
 * @param files whose `tokenizerJson` is there
 * @throws CheckpointError when tokenizer.json is damaged
 */
export function ggufTokenizerKeys(files: TokenizerFiles, modelIds: ModelTokenIds): GgufTokenizerKeys {
  const { source, tokenizerJson, vocabSize } = files;
  const refusal = (reason: string): GgufTokenizerKeys => ({ keys: null, reason });
  const document = readTokenizerDocument(tokenizerJson!, `${source}: tokenizer.json`);
  if (typeof document === 'string') return refusal(document);
  const tokens = listTokens(document, vocabSize);
  if (typeof tokens === 'string') return refusal(tokens);
  const pre = document.byteFallback
    ? null
    : preTokenizerName(document.normalizer, document.preTokenizer, document.ignoreMerges);
  if (!document.byteFallback && pre === null)
    return refusal(`its pre-tokenizer is none of ${PRE_TOKENIZER_NAMES.join(', ')}`);

  const keys = new Map<string, GgufValue>([
    ['model', { type: 'string', value: pre === null ? 'llama' : 'gpt2' }],
    ['pre', { type: 'string', value: pre ?? 'default' }],
    ['tokens', { type: 'strings', value: tokens.texts }],
    ['token_type', { type: 'int32s', value: tokens.types }],
    pre === null
      ? ['scores', { type: 'float32s', value: scoresFromMerges(tokens.texts, document.merges) }]
      : ['merges', { type: 'strings', value: document.merges }],
    ...specialIds(document, files, modelIds),
    ['add_bos_token', { type: 'bool', value: document.front.length > 0 }],
    ['add_eos_token', { type: 'bool', value: document.behind.length > 0 }],
    ['add_space_prefix', { type: 'bool', value: pre === null && prependsSpace(document.normalizer) }],
  ]);
  const named = new Map([...keys].map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
  const difference = differenceReadBack(document, named, files);
  if (difference !== null) return refusal(`${difference} would not be the same`);
  if (files.chatTemplate !== null)
    named.set('tokenizer.chat_template', { type: 'string', value: files.chatTemplate });
  return { keys: named, reason: null };
}

/** The text and the type of every id; rows of the embedding that no token has are padding. */
function listTokens(
  { addedTokens, byteFallback, ids, unknownToken }: TokenizerDocument,
  vocabSize: number,
): { readonly texts: string[]; readonly types: number[] } | string {
  const texts = Array<string | undefined>(vocabSize).fill(undefined);
  for (const [text, id] of ids) {
    const shown = JSON.stringify(text.slice(0, 40));
    if (id >= vocabSize) return `token ${shown} has the id ${id}, and the embedding only ${vocabSize} rows`;
    if (texts[id] !== undefined) return `token ${shown} has the id ${id} of another one`;
    texts[id] = text;
  }
  const added = new Map(addedTokens.map((token) => [token.id, token]));
  const typeOf = (text: string | undefined, id: number): number => {
    if (text === undefined) return TOKEN_TYPES.unused;
    if (byteFallback && text === unknownToken) return TOKEN_TYPES.unknown;
    const token = added.get(id);
    if (token) return token.special ? TOKEN_TYPES.control : TOKEN_TYPES.userDefined;
    return byteFallback && /^<0x[0-9A-F]{2}>$/.test(text) ? TOKEN_TYPES.byte : TOKEN_TYPES.normal;
  };
  return {
    texts: texts.map((text, id) => text ?? paddingText(id)),
    types: texts.map(typeOf),
  };
}

/** As the converter of llama.cpp names them. */
function paddingText(id: number): string {
  return `[PAD${id}]`;
}

/** What its post-processor uses comes first, since the reader of a GGUF uses these. */
function specialIds(
  { behind, front, ids, unknownToken }: TokenizerDocument,
  { config, vocabSize }: TokenizerFiles,
  model: ModelTokenIds,
): [string, GgufValue][] {
  const named = (key: string): number | null => {
    const given = config[key];
    const text = typeof given === 'string' ? given : (given as { content?: unknown } | null)?.content;
    return typeof text === 'string' ? (ids.get(text) ?? null) : null;
  };
  const found: readonly (readonly [string, number | null])[] = [
    ['bos_token_id', front[0] ?? named('bos_token') ?? model.bos],
    ['eos_token_id', behind[0] ?? named('eos_token') ?? model.eos],
    ['unknown_token_id', (unknownToken === null ? null : ids.get(unknownToken)) ?? named('unk_token')],
    ['padding_token_id', named('pad_token') ?? model.pad],
  ];
  return found.flatMap(([key, value]): [string, GgufValue][] =>
    value === null || value >= vocabSize ? [] : [[key, { type: 'uint32', value }]],
  );
}

function prependsSpace(normalizer: unknown): boolean {
  return JSON.stringify(normalizer ?? null).includes('"Prepend"');
}

/** In what the tokenizer that the reader makes of the keys is another one; null when in nothing. */
function differenceReadBack(
  document: TokenizerDocument,
  keys: ReadonlyMap<string, GgufValue>,
  { source, vocabSize }: TokenizerFiles,
): string | null {
  const metadata = Object.fromEntries([...keys].map(([key, { value }]) => [key, value]));
  let read: ReturnType<typeof ggufTokenizer>;
  try {
    read = ggufTokenizer({ file: source, metadata }, vocabSize);
  } catch (error) {
    if (error instanceof CheckpointError) return 'tokens or merges';
    throw error;
  }
  if (read.files === null) return 'merges';
  const back = readTokenizerDocument(JSON.stringify(read.files.tokenizer), source);
  if (typeof back === 'string') return 'tokens around a text';
  const padding = new Set([...back.ids.keys()].filter((text) => !document.ids.has(text)));
  const differing = comparedParts(document, new Set()).find(
    ([, part], i) => !isDeepStrictEqual(part, comparedParts(back, padding)[i][1]),
  );
  return differing?.[0] ?? null;
}

/** What has to be the same, with what an error says when it is not. */
function comparedParts(document: TokenizerDocument, padding: ReadonlySet<string>): [string, unknown][] {
  const { addedTokens, behind, byteFallback, fuseUnknown, ids, normalizer, unknownToken } = document;
  const isByteLevel = !byteFallback;
  // Offsets apart, those of byte-level tokenizers are compared by their name.
  const unlessByteLevel = (value: unknown) => (isByteLevel ? null : withoutOffsets(value));
  const flags = addedTokens.map(({ normalized, ...token }) => ({
    ...token,
    normalized: normalized && normalizer !== null,
  }));
  return [
    ['tokens', [...ids].filter(([text]) => !padding.has(text)).sort(([, a], [, b]) => a - b)],
    ['merges', document.merges],
    ['added tokens', flags.sort((a, b) => a.id - b.id)],
    ['tokens that it puts around a text', [document.front, behind]],
    ['normalizer', unlessByteLevel(normalizer)],
    ['pre-tokenizer', unlessByteLevel(document.preTokenizer)],
    ['decoder', unlessByteLevel(document.decoder)],
    ['unknown token', isByteLevel && holdsAllBytes(ids) ? null : [unknownToken, fuseUnknown]],
  ];
}

/** Whether there is a token for every byte, so that nothing is unknown. */
function holdsAllBytes(ids: ReadonlyMap<string, number>): boolean {
  // Bytes that are no letter to look at have the letters from 256 on.
  const letters = Array.from({ length: 256 }, (_, byte) => byte).filter(
    (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173),
  );
  const others = Array.from({ length: 256 - letters.length }, (_, i) => 256 + i);
  return [...letters, ...others].every((letter) => ids.has(String.fromCharCode(letter)));
}
