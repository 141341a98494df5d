import { stringField, type Fields } from './field.ts';

/** What a byte-level vocabulary does with a text before the merges, by its `tokenizer.ggml.pre`. */
interface PreTokenizer {
  readonly normalizer: object | null;
  readonly steps: readonly object[];
  /** A word that is a token of its own is taken whole, whatever the merges would make of it. */
  readonly ignoreMerges: boolean;
  /** Whether llama.cpp puts the BOS token in front when the file does not say. */
  readonly addsBos: boolean;
}

function split(regex: string): object {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

function byteLevel(useRegex: boolean): object {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

const SMOLLM: PreTokenizer = {
  normalizer: null,
  steps: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
  ignoreMerges: false,
  addsBos: false,
};

/** As in the tokenizer.json of Llama 3. */
const LLAMA3: PreTokenizer = {
  normalizer: null,
  steps: [
    split(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" +
        '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    byteLevel(false),
  ],
  ignoreMerges: true,
  addsBos: true,
};

/** As in the tokenizer.json of Qwen 2, 2.5 and 3: digits one by one, where Llama 3 takes up to three. */
const QWEN2: PreTokenizer = {
  normalizer: { type: 'NFC' },
  steps: [
    split(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" +
        '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    byteLevel(false),
  ],
  ignoreMerges: false,
  addsBos: false,
};

/** What llama.cpp calls "default", in the order of its src/llama-vocab.cpp. No model family has it as its own. */
const DEFAULT: PreTokenizer = {
  normalizer: null,
  steps: [
    split('[\\p{P}\\$\\+<=>\\^~\\|]+'),
    split("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"),
    split('\\p{N}+'),
    split('[0-9][0-9][0-9]'),
    byteLevel(false),
  ],
  ignoreMerges: false,
  addsBos: false,
};

/** Names in one row are one pre-tokenizer in llama.cpp too. */
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  ...{ smollm: SMOLLM },
  ...{ 'llama-bpe': LLAMA3, llama3: LLAMA3, 'llama-v3': LLAMA3, falcon3: LLAMA3 },
  ...{ qwen2: QWEN2, 'deepseek-r1-qwen': QWEN2 },
  ...{ default: DEFAULT },
};

export const PRE_TOKENIZER_NAMES = Object.keys(PRE_TOKENIZERS);

/** The pre-tokenizer of a byte-level vocabulary, or null when it is not known or the file does not say. */
export function preTokenizer(metadata: Fields): PreTokenizer | null {
  const name = stringField(metadata, 'tokenizer.ggml.pre', '');
  return Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : null;
}

/**
 * The name of the pre-tokenizer that a tokenizer.json has, or null when it is none of the table.
 * @param preTokenizer one step, or a sequence of them
 */
export function preTokenizerName(
  normalizer: unknown,
  preTokenizer: unknown,
  ignoreMerges: boolean,
): string | null {
  const sequence = preTokenizer as { readonly type?: unknown; readonly pretokenizers?: unknown } | null;
  const steps = sequence?.type === 'Sequence' ? sequence.pretokenizers : [preTokenizer];
  const found = JSON.stringify(withoutOffsets({ normalizer, steps, ignoreMerges }));
  const names = Object.keys(PRE_TOKENIZERS).filter((name) => {
    const { normalizer: own, steps: ownSteps, ignoreMerges: ownMerges } = PRE_TOKENIZERS[name];
    return (
      JSON.stringify(withoutOffsets({ normalizer: own, steps: ownSteps, ignoreMerges: ownMerges })) === found
    );
  });
  return names[0] ?? null;
}

/** The same with the keys in order, and without what changes offsets into the text but no token. */
export function withoutOffsets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOffsets);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'trim_offsets');
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, entry]) => [key, withoutOffsets(entry)]),
  );
}

/** The parts of a tokenizer.json that turn a text into bytes, and bytes into tokens by `merges`. */
export function byteLevelParts(
  pre: PreTokenizer,
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly string[])[],
): object {
  return {
    normalizer: pre.normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: pre.steps },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges,
      vocab,
      merges,
    },
  };
}
