import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { byteLevelTokenizer } from './small-tokenizers.ts';

/** The files of a model with the small byte-level tokenizer, less what is given. */
export function tokenizerSource(given: Partial<TokenizerFiles> = {}): TokenizerFiles {
  return {
    source: '/models/small',
    vocabSize: 1000,
    tokenizerJson: JSON.stringify(byteLevelTokenizer),
    absence: null,
    config: {},
    chatTemplate: null,
    ...given,
  };
}
