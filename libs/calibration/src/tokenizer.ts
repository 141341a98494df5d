import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeLongWordsInParts } from './bpe-cuts.ts';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_TOKENIZER_BYTES } from './limits.ts';
import { withNativeSplits } from './native-splits.ts';
import { checkWordLength } from './word-length.ts';
import { BPE, Tokenizer, Unigram, type AddedToken, type LibraryTokenizer } from './tokenizers-library.ts';

/** Text to token ids, the way the model's own tokenizer.json says. */
export interface TextTokenizer {
  /**
   * Encodes the text in one go, special tokens of the post-processor included. The time is linear in the
   * text: about 1.5 s for a megabyte.
   * @throws CalibrationError when the text needs a token that the tokenizer has no id for
   */
  encode(text: string): Int32Array;
}

/**
 * Loads tokenizer.json, and tokenizer_config.json where there is one, from a model folder.
 * @throws CalibrationError when tokenizer.json is missing, damaged, or of a kind that is not supported
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const path = join(folder, 'tokenizer.json');
  const tokenizerJson = await readJsonObject(path);
  if (tokenizerJson === undefined) {
    throw new CalibrationError(
      'tokenizer',
      `${path}: no such file, and a text needs a tokenizer; give token-id arrays (.json), which need none`,
    );
  }
  const config = (await readJsonObject(join(folder, 'tokenizer_config.json'))) ?? {};
  try {
    // The library would apply these to the text as well; the native one knows only what tokenizer.json says.
    const ownConfig = { ...config, remove_space: undefined, do_lowercase_and_remove_accent: undefined };
    return wrap(new Tokenizer(withNativeSplits(tokenizerJson), ownConfig), path);
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    throw new CalibrationError('tokenizer', `${path}: not a supported tokenizer: ${quoteCause(error)}`, {
      cause: error,
    });
  }
}

function wrap(tokenizer: LibraryTokenizer, path: string): TextTokenizer {
  const { model } = tokenizer;
  if (model instanceof BPE) encodeLongWordsInParts(model);
  if (model instanceof Unigram) {
    // The library spreads a word's tokens into arguments, which overflows the stack where a text is one word.
    model.encode = (words) =>
      words.flatMap((word) => {
        checkWordLength(word);
        return model.tokenize(word);
      });
  }
  const addedTokens = [...tokenizer.get_added_tokens_decoder().values()];
  return {
    encode(text) {
      const token = addedTokens.find(
        (added) => text.includes(added.content) && isEncodedOtherwise(added, text),
      );
      if (token !== undefined) {
        throw new CalibrationError(
          'tokenizer',
          `${path}: the text holds ${JSON.stringify(token.content)}, an added token with ` +
            `${token.single_word ? 'single_word' : 'lstrip or rstrip beside U+FEFF or U+0085'}, ` +
            'which is not supported; take it out of the text or give token-id arrays',
        );
      }
      return encodeWhole(tokenizer, text, path);
    },
  };
}

/** Whether the library ignores, or takes otherwise than the native one, what the token's options say. */
function isEncodedOtherwise(token: AddedToken, text: string): boolean {
  return token.single_word || ((token.lstrip || token.rstrip) && /[\ufeff\u0085]/.test(text));
}

function encodeWhole(tokenizer: LibraryTokenizer, text: string, path: string): Int32Array {
  let encoding;
  try {
    encoding = tokenizer.encode(text);
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    throw new CalibrationError('tokenizer', `${path}: the text cannot be encoded: ${quoteCause(error)}`, {
      cause: error,
    });
  }
  const unknown = encoding.ids.indexOf(undefined);
  if (unknown >= 0) {
    throw new CalibrationError(
      'tokenizer',
      `${path}: no id for the token ${JSON.stringify(encoding.tokens[unknown])}, which the text needs`,
    );
  }
  return Int32Array.from(encoding.ids as readonly number[]);
}

/** The object in a JSON file, or undefined when there is no such file. */
async function readJsonObject(path: string): Promise<Record<string, unknown> | undefined> {
  let value: unknown;
  try {
    const { size } = await stat(path);
    if (size > MAX_TOKENIZER_BYTES) {
      throw new CalibrationError(
        'limit',
        `${path}: ${size} bytes, more than the ${MAX_TOKENIZER_BYTES} supported`,
      );
    }
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CalibrationError('tokenizer', `${path}: cannot be read as JSON: ${quoteCause(error)}`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CalibrationError('tokenizer', `${path}: not a JSON object`);
  }
  return value as Record<string, unknown>;
}
