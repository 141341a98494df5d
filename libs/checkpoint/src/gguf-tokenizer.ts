import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, stringField, stringListField, type Fields } from './field.ts';
import { specialTokenIds } from './gguf-config.ts';
import type { GgufFile } from './gguf-header.ts';
import { LIMITS } from './limits.ts';

/** Entries of `tokenizer.ggml.token_type`. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** The contents of the tokenizer's files, or why there are none. */
type GgufTokenizer =
  | { readonly files: { readonly tokenizer: object; readonly tokenizerConfig: object }; readonly note: null }
  | { readonly files: null; readonly note: string };

/** Prepends the token to every text that is encoded. */
function bosTemplate(token: string, id: number): object {
  const bos = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [
      bos,
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: token, type_id: 1 } },
      { Sequence: { id: 'B', type_id: 1 } },
    ],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function vocabulary(tokens: readonly string[], file: string): Map<string, number> {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (ids.has(token)) {
      throw new CheckpointError(
        'malformed',
        `${file}: tokenizer.ggml.tokens ${ids.get(token)} and ${id} are the same`,
      );
    }
    ids.set(token, id);
  });
  return ids;
}

function mergePairs(merges: readonly string[], file: string): string[][] {
  return merges.map((merge, rank) => {
    const pair = merge.split(' ');
    if (pair.length === 2) return pair;
    throw new CheckpointError(
      'malformed',
      `${file}: tokenizer.ggml.merges ${rank} is not two tokens: ${JSON.stringify(merge.slice(0, 40))}`,
    );
  });
}

/**
 * Converts the tokenizer of a GGUF into the two JSON files of a Hugging Face folder. Only byte-level BPE with the
 * `smollm` pre-tokenizer is known; another one gives a note instead, since a near guess would split text wrongly.
 * @throws CheckpointError when the lists of the tokenizer do not fit each other or the vocabulary
 */
export function ggufTokenizer(gguf: GgufFile, vocabSize: number): GgufTokenizer {
  const { file } = gguf;
  const metadata: Fields = { file, values: gguf.metadata };
  const model = stringField(metadata, 'tokenizer.ggml.model', 'none');
  const pre = stringField(metadata, 'tokenizer.ggml.pre', 'none');
  if (model !== 'gpt2' || pre !== 'smollm') {
    const found = `model "${model.slice(0, 40)}", pre-tokenizer "${pre.slice(0, 40)}"`;
    return {
      files: null,
      note: `the tokenizer of ${file} (${found}) cannot be converted: only gpt2 with smollm can`,
    };
  }
  const tokens = stringListField(metadata, 'tokenizer.ggml.tokens') ?? [];
  const merges = stringListField(metadata, 'tokenizer.ggml.merges') ?? [];
  const types = gguf.metadata['tokenizer.ggml.token_type'];
  if (tokens.length !== vocabSize || !Array.isArray(types) || types.length !== vocabSize) {
    throw new CheckpointError(
      'malformed',
      `${file}: tokenizer.ggml.tokens and token_type do not have one entry for each of the ${vocabSize} rows of token_embd.weight`,
    );
  }
  const ids = specialTokenIds(metadata, vocabSize);
  const addBos = booleanField(metadata, 'tokenizer.ggml.add_bos_token', false);
  if (addBos && ids.bos === null) {
    throw new CheckpointError(
      'malformed',
      `${file}: tokenizer.ggml.add_bos_token is true, but there is no bos_token_id`,
    );
  }
  const added = tokens.flatMap((content, id) => {
    if (types[id] !== CONTROL && types[id] !== USER_DEFINED) return [];
    const special = types[id] === CONTROL;
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: addBos && ids.bos !== null ? bosTemplate(tokens[ids.bos], ids.bos) : null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary(tokens, file)),
      merges: mergePairs(merges, file),
    },
  };
  const text = (id: number | null) => (id === null ? undefined : tokens[id]);
  const tokenizerConfig = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: text(ids.bos),
    eos_token: text(ids.eos),
    pad_token: text(ids.pad),
    unk_token: text(ids.unk),
    model_max_length: integerField(metadata, 'llama.context_length', LIMITS.positions),
    chat_template: stringField(metadata, 'tokenizer.chat_template', '') || undefined,
  };
  return { files: { tokenizer, tokenizerConfig }, note: null };
}
