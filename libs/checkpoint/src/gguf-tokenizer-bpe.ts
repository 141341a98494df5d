import type { PreTokenizer } from './gguf-pre-tokenizers.ts';

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
