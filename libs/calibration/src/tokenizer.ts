import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { CalibrationError } from './calibration-error.ts';
import { TokenizerProcess, type NamedToken } from './tokenizer-process.ts';

const WAY_OUT = 'give token-id arrays (.json), which need none';

/** `add`: those that transformers adds by default; `none`: the text alone. */
export type SpecialTokens = 'add' | 'none';

/** Text to token ids, the way the model's own tokenizer says. */
export interface TextTokenizer {
  /** Put in front of every text that is encoded. */
  readonly prefix: readonly NamedToken[];
  /** Put behind every text that is encoded. */
  readonly suffix: readonly NamedToken[];
  /** Encodes the text in one go; about a megabyte a second. */
  encode(text: string): Promise<Int32Array>;
  /** Encodes each text as `encode` does, on all cores. */
  encodeBatch(texts: readonly string[]): Promise<readonly Int32Array[]>;
  /** The text of ids; special tokens have none. */
  decode(ids: Int32Array): Promise<string>;
}

/**
 * Loads a model's tokenizer into Hugging Face's own library, so that ids are those of the model's training.
 *
 * `add` puts around each text what the post_processor of tokenizer.json says, and nothing else: where that file is
 * there, transformers 5.23 drops add_bos_token and add_eos_token of tokenizer_config.json before it makes the
 * tokenizer (`_from_pretrained` in tokenization_utils_base.py). Truncation and padding that the file may ask for are
 * switched off: rows are cut later. Of a key that is twice in the vocabulary the last one counts, as in transformers.
 * @throws CalibrationError when there is no tokenizer, or it cannot be used
 */
export async function loadTokenizer(
  { source, vocabSize, tokenizerJson, absence, config }: TokenizerFiles,
  specialTokens: SpecialTokens,
): Promise<TextTokenizer> {
  if (tokenizerJson === null) {
    const { reason, wayOut } = absence ?? { reason: `${source}: has no tokenizer`, wayOut: null };
    throw new CalibrationError('tokenizer', `${reason}; ${wayOut ?? WAY_OUT}`);
  }
  if (config.split_special_tokens === true) {
    throw new CalibrationError(
      'tokenizer',
      `${source}: split_special_tokens of tokenizer_config.json is true, which is not supported; give token-id arrays`,
    );
  }
  const tokenizer = new TokenizerProcess(source, tokenizerJson);
  const loaded = await tokenizer.load();
  const adds = specialTokens === 'add';

  async function encodeBatch(texts: readonly string[]): Promise<readonly Int32Array[]> {
    if (!texts.every((text) => text.isWellFormed())) {
      throw new CalibrationError(
        'format',
        `a text for the tokenizer of ${source} holds half of a UTF-16 pair, which no token stands for; replace it`,
      );
    }
    const encoded = await tokenizer.encode(texts, adds);
    for (const ids of encoded) checkIds(ids);
    return encoded;
  }

  function checkIds(ids: Int32Array): void {
    // Ids of 2^31 and above come out negative.
    const outside = ids.find((id) => id < 0 || id >= vocabSize);
    if (outside === undefined) return;
    throw new CalibrationError(
      'token-id',
      `the tokenizer of ${source} gives token id ${outside >>> 0}, but the model's vocabulary has ${vocabSize} tokens; give the tokenizer of this model`,
    );
  }

  return {
    prefix: adds ? loaded.prefix : [],
    suffix: adds ? loaded.suffix : [],
    encodeBatch,
    encode: async (text) => (await encodeBatch([text]))[0],
    decode: (ids) => tokenizer.decode(ids),
  };
}
