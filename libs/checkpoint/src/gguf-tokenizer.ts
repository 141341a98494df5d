import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, stringField, stringListField, type Fields } from './field.ts';
import { specialTokenIds } from './gguf-config.ts';
import type { GgufFile } from './gguf-header.ts';
import { TOKEN_TYPES } from './gguf-token-types.ts';
import { PRE_TOKENIZER_NAMES, preTokenizer } from './gguf-pre-tokenizers.ts';
import { byteLevelParts } from './gguf-tokenizer-bpe.ts';
import { mergesFromScores, sentencePieceParts } from './gguf-tokenizer-spm.ts';
import { LIMITS } from './limits.ts';

/** Published models have a few thousand at most; each takes a hundred characters of JSON. */
const MAX_ADDED_TOKENS = 2 ** 16;
/** Of tokens and merges together, ten times the largest: as JSON, even all escaped, it stays a string that Node has. */
const MAX_TEXT_CHARACTERS = 2 ** 25;

const { unknown: UNKNOWN, control: CONTROL, userDefined: USER_DEFINED } = TOKEN_TYPES;
/** Types of tokens that no merge makes. */
const UNMERGED: readonly unknown[] = [UNKNOWN, CONTROL, USER_DEFINED];

/** The contents of the tokenizer's files, or why there are none. */
type GgufTokenizer =
  | { readonly files: { readonly tokenizer: object; readonly tokenizerConfig: object }; readonly note: null }
  | { readonly files: null; readonly note: string };

/** What the tokenizer's lists hold, checked against each other. */
interface TokenLists {
  readonly metadata: Fields;
  readonly tokens: readonly string[];
  readonly types: readonly unknown[];
  readonly ids: ReadonlyMap<string, number>;
  /** Null when the file has none. */
  readonly merges: readonly string[][] | null;
}

/** The part of a tokenizer.json that depends on the kind of vocabulary. */
interface Converted {
  readonly parts: object;
  /** What llama.cpp does when the file does not say. */
  readonly addsBos: boolean;
  readonly special: ReturnType<typeof specialTokenIds>;
}

function malformed(file: string, reason: string): CheckpointError {
  return new CheckpointError('malformed', `${file}: ${reason}`);
}

function readTokenLists(metadata: Fields, vocabSize: number): TokenLists {
  const { file, values } = metadata;
  const tokens = stringListField(metadata, 'tokenizer.ggml.tokens') ?? [];
  const merges = stringListField(metadata, 'tokenizer.ggml.merges');
  const types = values['tokenizer.ggml.token_type'];
  if (tokens.length !== vocabSize || !Array.isArray(types) || types.length !== vocabSize) {
    throw malformed(
      file,
      `tokenizer.ggml.tokens and token_type do not have one entry for each of the ${vocabSize} rows of token_embd.weight`,
    );
  }
  let characters = 0;
  for (const text of [tokens, merges ?? []].flat()) characters += text.length;
  if (characters > MAX_TEXT_CHARACTERS) {
    throw malformed(
      file,
      `tokenizer.ggml.tokens and merges have ${characters} characters, the limit is ${MAX_TEXT_CHARACTERS}`,
    );
  }
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (ids.has(token))
      throw malformed(file, `tokenizer.ggml.tokens ${ids.get(token)} and ${id} are the same`);
    ids.set(token, id);
  }
  return { metadata, tokens, types, ids, merges: merges && mergePairs(merges, file) };
}

function mergePairs(merges: readonly string[], file: string): string[][] {
  return merges.map((merge, rank) => {
    const pair = merge.split(' ', 3);
    if (pair.length === 2) return pair;
    throw malformed(
      file,
      `tokenizer.ggml.merges ${rank} is not two tokens: ${JSON.stringify(merge.slice(0, 40))}`,
    );
  });
}

/** Tokens that are found in a text before anything else is. */
function addedTokens({ tokens, types, metadata }: TokenLists, alsoUnknown: boolean): object[] {
  const added = tokens.flatMap((content, id) => {
    const special = types[id] === CONTROL || (alsoUnknown && types[id] === UNKNOWN);
    if (!special && types[id] !== USER_DEFINED) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  if (added.length > MAX_ADDED_TOKENS) {
    throw malformed(
      metadata.file,
      `tokenizer.ggml.token_type has ${added.length} control and user-defined tokens, the limit is ${MAX_ADDED_TOKENS}`,
    );
  }
  return added;
}

/** The tokens that go in front of and behind every text that is encoded; null when there are none. */
function postProcessor({ tokens, metadata }: TokenLists, { special, addsBos }: Converted): object | null {
  const asked = (name: 'bos' | 'eos', unsaid: boolean): { id: string; tokenId: number }[] => {
    const key = `tokenizer.ggml.add_${name}_token`;
    const tokenId = special[name];
    if (!booleanField(metadata, key, unsaid)) return [];
    if (tokenId !== null) return [{ id: tokens[tokenId], tokenId }];
    if (metadata.values[key] === undefined) return [];
    throw malformed(metadata.file, `${key} is true, but there is no ${name}_token_id`);
  };
  const [front, behind] = [asked('bos', addsBos), asked('eos', false)];
  if (front.length + behind.length === 0) return null;
  const template = (sequence: 'A' | 'B', type_id: number) => [
    ...front.map(({ id }) => ({ SpecialToken: { id, type_id } })),
    { Sequence: { id: sequence, type_id } },
    ...behind.map(({ id }) => ({ SpecialToken: { id, type_id } })),
  ];
  return {
    type: 'TemplateProcessing',
    single: template('A', 0),
    pair: [...template('A', 0), ...template('B', 1)],
    special_tokens: Object.fromEntries(
      [...front, ...behind].map(({ id, tokenId }) => [id, { id, ids: [tokenId], tokens: [id] }]),
    ),
  };
}

function convertByteLevel(lists: TokenLists): Converted | string {
  const { metadata, ids, merges, tokens } = lists;
  const pre = preTokenizer(metadata);
  if (pre === null) return `known are ${PRE_TOKENIZER_NAMES.join(', ')}`;
  if (booleanField(metadata, 'tokenizer.ggml.add_space_prefix', false))
    return 'a space in front of a byte-level text is not known';
  return {
    parts: byteLevelParts(pre, Object.fromEntries(ids), merges ?? []),
    addsBos: pre.addsBos,
    special: specialTokenIds(metadata, tokens.length),
  };
}

function convertSentencePiece(lists: TokenLists): Converted | string {
  const { metadata, tokens, types, ids } = lists;
  const { file, values } = metadata;
  if (stringField(metadata, 'general.architecture', '').startsWith('gemma'))
    return "the scores of Gemma's pieces are not the order of their merges";
  if (booleanField(metadata, 'tokenizer.ggml.remove_extra_whitespaces', false))
    return 'the removal of extra spaces is not known';
  let { merges } = lists;
  if (merges === null) {
    const scores = values['tokenizer.ggml.scores'];
    if (!Array.isArray(scores) || scores.length !== tokens.length || !scores.every(Number.isFinite))
      throw malformed(
        file,
        `tokenizer.ggml.scores is not one number for each of the ${tokens.length} tokens`,
      );
    const pieces = tokens.flatMap((text, id) => {
      const isPiece = !UNMERGED.includes(types[id]);
      return isPiece ? [{ text, score: scores[id] as number }] : [];
    });
    if (new Set(pieces.map(({ score }) => score)).size < 2)
      return 'its scores are all the same, which the converter writes when it lacks tokenizer.model';
    merges = mergesFromScores(pieces, ids, file);
  }
  // llama.cpp takes the ids of Llama 2 where the file names none.
  const named = specialTokenIds(metadata, tokens.length);
  const orDefault = (id: number | null, unsaid: number) => id ?? (unsaid < tokens.length ? unsaid : null);
  const special = {
    ...named,
    unk: orDefault(named.unk, 0),
    bos: orDefault(named.bos, 1),
    eos: orDefault(named.eos, 2),
  };
  return {
    parts: sentencePieceParts({
      vocab: Object.fromEntries(ids),
      merges,
      unknownToken: special.unk === null ? null : tokens[special.unk],
      addSpacePrefix: booleanField(metadata, 'tokenizer.ggml.add_space_prefix', true),
    }),
    addsBos: true,
    special,
  };
}

/**
 * Converts the tokenizer of a GGUF into the two JSON files of a Hugging Face folder, so that they give the ids of
 * the tokenizer.json that the model came with. Known are byte-level BPE (`gpt2`) with the pre-tokenizers of a table
 * and SentencePiece BPE (`llama`); another one gives a note instead, since a near guess would split text wrongly.
 * @throws CheckpointError when the lists of the tokenizer do not fit each other or the vocabulary
 */
export function ggufTokenizer(gguf: Pick<GgufFile, 'file' | 'metadata'>, vocabSize: number): GgufTokenizer {
  const metadata: Fields = { file: gguf.file, values: gguf.metadata };
  const model = stringField(metadata, 'tokenizer.ggml.model', 'none');
  const pre = stringField(metadata, 'tokenizer.ggml.pre', 'none');
  const refusal = (reason: string): GgufTokenizer => {
    const found = `model "${model.slice(0, 40)}", pre-tokenizer "${pre.slice(0, 40)}"`;
    return { files: null, note: `the tokenizer of ${gguf.file} (${found}) cannot be converted: ${reason}` };
  };
  if (model !== 'gpt2' && model !== 'llama') return refusal('known models are gpt2 and llama');
  const lists = readTokenLists(metadata, vocabSize);
  const converted = model === 'gpt2' ? convertByteLevel(lists) : convertSentencePiece(lists);
  if (typeof converted === 'string') return refusal(converted);
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(lists, model === 'llama'),
    post_processor: postProcessor(lists, converted),
    ...converted.parts,
  };
  const text = (id: number | null) => (id === null ? undefined : lists.tokens[id]);
  const { special } = converted;
  const contextKey = `${stringField(metadata, 'general.architecture', '')}.context_length`;
  const tokenizerConfig = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: text(special.bos),
    eos_token: text(special.eos),
    pad_token: text(special.pad),
    unk_token: text(special.unk),
    model_max_length: integerField(metadata, contextKey, LIMITS.positions, null) ?? undefined,
    chat_template: stringField(metadata, 'tokenizer.chat_template', '') || undefined,
  };
  return { files: { tokenizer, tokenizerConfig }, note: null };
}
