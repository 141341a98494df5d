import * as library from '@huggingface/tokenizers';

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** The library's model of a BPE tokenizer. */
export interface BpeModel {
  readonly merges: readonly (readonly [left: string, right: string])[];
  readonly ignore_merges: boolean;
  readonly end_of_word_suffix?: string | null;
  encode(words: readonly string[]): string[];
}

/** The library's model of a Unigram tokenizer. */
export interface UnigramModel {
  encode(words: readonly string[]): string[];
  tokenize(word: string): string[];
}

/** The library's tokenizer. */
export interface LibraryTokenizer {
  readonly model: object | null;
  /** `ids[i]` is undefined where the vocabulary lacks `tokens[i]`. */
  encode(text: string): { readonly ids: readonly (number | undefined)[]; readonly tokens: readonly string[] };
  get_added_tokens_decoder(): ReadonlyMap<number, AddedToken>;
}

interface Library {
  readonly Tokenizer: new (tokenizerJson: object, tokenizerConfig: object) => LibraryTokenizer;
  readonly BPE: new () => BpeModel;
  readonly Unigram: new () => UnigramModel;
}

/**
 * The part of `@huggingface/tokenizers` in use, typed here: its own declarations import without extensions and
 * resolve to `any` in an ES module.
 */
export const { BPE, Tokenizer, Unigram } = library as unknown as Library;
