import { isDeepStrictEqual } from 'node:util';
import { stringField, type Fields } from './field.ts';

/** What a byte-level vocabulary does with a text before the merges, by its `tokenizer.ggml.pre`. */
export interface PreTokenizer {
  readonly normalizer: object | null;
  readonly steps: readonly object[];
  /** A word that is a token of its own is taken whole, whatever the merges would make of it. */
  readonly ignoreMerges: boolean;
  /** Whether llama.cpp puts the BOS token in front when the file does not say. */
  readonly addsBos: boolean;
  /** What llama.cpp does otherwise than the tokenizer.json that is known by this name; null when nothing is known. */
  readonly difference: string | null;
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
  difference: null,
};

/** As in the tokenizer.json of GPT-2, which small models of many families have. */
const GPT2: PreTokenizer = { ...SMOLLM, steps: [byteLevel(true)] };

/** As in the tokenizer.json of DeepSeek Coder, of type llama: digits one by one. */
const DEEPSEEK_CODER: PreTokenizer = {
  ...SMOLLM,
  steps: [
    split('[\r\n]'),
    split('\\s?\\p{L}+'),
    split('\\s?\\p{P}+'),
    split('[一-龥ࠀ-一가-\ud7ff]+'),
    { type: 'Digits', individual_digits: true },
    byteLevel(false),
  ],
  difference: 'llama.cpp splits text elsewhere at spaces beyond ASCII, as U+3000',
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
  difference: null,
};

/** The same words, each put together by the merges: so is a file read that lacks ignore_merges. */
const LLAMA3_MERGED: PreTokenizer = { ...LLAMA3, ignoreMerges: false, addsBos: false };

/** As in the tokenizer.json of Mistral Nemo: words end where a capital follows a small letter. */
const TEKKEN: PreTokenizer = {
  ...LLAMA3,
  steps: [
    split(
      '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+' +
        '|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*' +
        '|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    byteLevel(false),
  ],
  difference:
    'llama.cpp tells capitals from small letters in ASCII alone, so that words of other letters may be cut elsewhere',
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
  difference: 'llama.cpp takes text as it is, without Unicode normalization to NFC',
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
  difference: null,
};

/** Names in one row are one pre-tokenizer in llama.cpp too. */
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  ...{ smollm: SMOLLM, refact: SMOLLM, starcoder: SMOLLM },
  ...{ 'gpt-2': GPT2, 'deepseek-coder': DEEPSEEK_CODER },
  ...{ 'llama-bpe': LLAMA3, llama3: LLAMA3, 'llama-v3': LLAMA3, falcon3: LLAMA3 },
  ...{ 'smaug-bpe': LLAMA3_MERGED, dbrx: LLAMA3_MERGED, tekken: TEKKEN },
  ...{ qwen2: QWEN2, 'deepseek-r1-qwen': QWEN2 },
  ...{ default: DEFAULT },
};

export const PRE_TOKENIZER_NAMES = Object.keys(PRE_TOKENIZERS);

/** The pre-tokenizer of a byte-level vocabulary, or null when it is not known or the file does not say. */
export function preTokenizer(metadata: Fields): PreTokenizer | null {
  const name = stringField(metadata, 'tokenizer.ggml.pre', '');
  return Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : null;
}

/** The pre-tokenizer that a tokenizer.json has, by the name that a GGUF gives it, or null when it is none of the table. */
export function knownPreTokenizer(
  normalizers: readonly unknown[],
  preTokenizers: readonly unknown[],
  ignoreMerges: boolean,
): { readonly name: string; readonly difference: string | null } | null {
  const found = Object.entries(PRE_TOKENIZERS).find(
    ([, { ignoreMerges: own, normalizer, steps }]) =>
      own === ignoreMerges &&
      isDeepStrictEqual(normalizers, normalizer === null ? [] : [normalizer]) &&
      isDeepStrictEqual(preTokenizers.map(withoutOffsets), steps.map(withoutOffsets)),
  );
  return found ? { name: found[0], difference: found[1].difference } : null;
}

/** `trim_offsets` changes offsets into the text and no token; use_regex is true where it is not said. */
function withoutOffsets(step: unknown): unknown {
  if ((step as { type?: unknown } | null)?.type !== 'ByteLevel') return step;
  const others = Object.entries(step as object).filter(([key]) => key !== 'trim_offsets');
  return { use_regex: true, ...Object.fromEntries(others) };
}
