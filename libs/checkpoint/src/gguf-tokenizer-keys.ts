import { isDeepStrictEqual } from 'node:util';
import { CheckpointError } from './checkpoint-error.ts';
import { addedTokenNotes } from './gguf-added-tokens.ts';
import { mergesByPiece, scoresFromMerges } from './gguf-piece-scores.ts';
import { knownPreTokenizer, PRE_TOKENIZER_NAMES } from './gguf-pre-tokenizers.ts';
import { spacePrefix } from './gguf-space-prefix.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { TOKEN_TYPES } from './gguf-token-types.ts';
import type { GgufValue } from './gguf-value.ts';
import { readTokenizerDocument, type TokenizerDocument } from './tokenizer-document.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';

/** The keys of a GGUF that say what a tokenizer is, or why none can. */
export type GgufTokenizerKeys =
  | {
      readonly keys: ReadonlyMap<string, GgufValue>;
      /** Texts that llama.cpp gives other tokens than the tokenizer does. */
      readonly notes: readonly string[];
      readonly reason: null;
    }
  | { readonly keys: null; readonly reason: string };

/** Ids that a model's own config.json names, for where its tokenizer names none. */
interface ModelTokenIds {
  readonly bos: number | null;
  readonly eos: number | null;
  readonly pad: number | null;
}

/** What depends on the kind of vocabulary. */
interface VocabularyKeys {
  readonly keys: readonly (readonly [string, GgufValue])[];
  readonly notes: readonly (string | null)[];
}

/**
 * Converts a tokenizer into the keys of a GGUF. They are converted back by the reader of GGUF, and only what comes back
 * as the same tokenizer is given: a near guess would split text wrongly. What llama.cpp does otherwise is noted, where
 * it is about text of a few kinds.
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
  const added = addedTokenNotes(document);
  if (typeof added === 'string') return refusal(added);
  const vocabulary = document.byteFallback ? pieceKeys(document, tokens.texts) : byteLevelKeys(document);
  if (typeof vocabulary === 'string') return refusal(vocabulary);

  const keys = new Map<string, GgufValue>([
    ...vocabulary.keys,
    ['tokens', { type: 'strings', value: tokens.texts }],
    ['token_type', { type: 'int32s', value: tokens.types }],
    ...specialIds(document, files, modelIds),
    ['add_bos_token', { type: 'bool', value: document.front.length > 0 }],
    ['add_eos_token', { type: 'bool', value: document.behind.length > 0 }],
  ]);
  const named = new Map([...keys].map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
  const back = readBack(named, files);
  const difference = typeof back === 'string' ? back : differenceOf(document, back);
  if (difference !== null) return refusal(`${difference} would not be the same`);
  // llama.cpp goes by the scores of pieces; this order is for those that take merges as they are.
  if (!isDeepStrictEqual((back as TokenizerDocument).merges, document.merges))
    named.set('tokenizer.ggml.merges', { type: 'strings', value: document.merges });
  if (files.chatTemplate !== null)
    named.set('tokenizer.chat_template', { type: 'string', value: files.chatTemplate });
  const notes = [...vocabulary.notes, ...added].filter((note) => note !== null);
  return { keys: named, notes, reason: null };
}

function byteLevelKeys({
  ignoreMerges,
  merges,
  normalizers,
  preTokenizers,
}: TokenizerDocument): VocabularyKeys | string {
  const pre = knownPreTokenizer(normalizers, preTokenizers, ignoreMerges);
  if (pre === null) return `its pre-tokenizer is none of ${PRE_TOKENIZER_NAMES.join(', ')}`;
  return {
    keys: [
      ['model', { type: 'string', value: 'gpt2' }],
      ['pre', { type: 'string', value: pre.name }],
      ['merges', { type: 'strings', value: merges }],
      ['add_space_prefix', { type: 'bool', value: false }],
    ],
    notes: [pre.difference],
  };
}

function pieceKeys(document: TokenizerDocument, texts: readonly string[]): VocabularyKeys | string {
  const { ids, ignoreMerges, merges, normalizers, preTokenizers } = document;
  const prefix = spacePrefix(normalizers, preTokenizers);
  if (prefix === null) return 'its normalizer and its pre-tokenizer are none that SentencePiece has';
  if (!BYTE_PIECES.every((piece) => ids.has(piece))) return 'it has no token for each byte';
  if (ignoreMerges) return 'it takes words whole, whatever its merges';
  return {
    keys: [
      ['model', { type: 'string', value: 'llama' }],
      ['pre', { type: 'string', value: 'default' }],
      ['scores', { type: 'float32s', value: scoresFromMerges(texts, merges) }],
      ['add_space_prefix', { type: 'bool', value: prefix.isAdded }],
    ],
    notes: [prefix.note],
  };
}

const BYTE_PIECES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

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

/** The tokenizer that the reader makes of the keys, or in what it cannot be the same. */
function readBack(
  keys: ReadonlyMap<string, GgufValue>,
  { source, vocabSize }: TokenizerFiles,
): TokenizerDocument | string {
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
  return typeof back === 'string' ? 'tokens around a text' : back;
}

/** In what the tokenizer that is read back is another one; null when in nothing. */
function differenceOf(document: TokenizerDocument, back: TokenizerDocument): string | null {
  const padding = new Set([...back.ids.keys()].filter((text) => !document.ids.has(text)));
  const backParts = comparedParts(back, padding);
  const differing = comparedParts(document, new Set()).find(
    ([, part], i) => !isDeepStrictEqual(part, backParts[i][1]),
  );
  return differing?.[0] ?? null;
}

/**
 * What has to be the same, with what an error says when it is not. Normalizers and pre-tokenizers are of tables; how
 * added tokens are looked for is noted.
 */
function comparedParts(document: TokenizerDocument, padding: ReadonlySet<string>): [string, unknown][] {
  const { addedTokens, behind, byteFallback, decoders, fuseUnknown, ids, merges, unknownToken } = document;
  const added = addedTokens.map(({ content, id, special }) => ({ content, id, special }));
  const isStrip = (step: unknown) => (step as { type?: unknown } | null)?.type === 'Strip';
  return [
    ['tokens', [...ids].filter(([text]) => !padding.has(text)).sort(([, a], [, b]) => a - b)],
    ['merges', byteFallback ? mergesByPiece(merges) : merges],
    ['added tokens', added.sort((a, b) => a.id - b.id)],
    ['tokens that it puts around a text', [document.front, behind]],
    // The one that takes the space in front away again is about text that comes out, of which it is the first character.
    ['decoder', byteFallback ? decoders.filter((step) => !isStrip(step)) : null],
    ['unknown token', byteFallback || holdsAllBytes(ids) ? null : [unknownToken, fuseUnknown]],
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
