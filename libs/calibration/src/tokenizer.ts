import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_TOKENIZER_BYTES } from './limits.ts';

/** Text to token ids, the way the model's own tokenizer.json says. */
export interface TextTokenizer {
  /** Encodes the text in one go, special tokens of the post-processor included; about a megabyte a second. */
  encode(text: string): Promise<Int32Array>;
}

/**
 * Loads tokenizer.json from a model folder into Hugging Face's own library, so that ids are those of the model's
 * training. Truncation and padding that the file may ask for are switched off: rows are cut later.
 * @throws CalibrationError when tokenizer.json is missing, too large, or not a tokenizer
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const path = join(folder, 'tokenizer.json');
  const json = await readTokenizerFile(path);
  let tokenizer: Tokenizer;
  try {
    tokenizer = Tokenizer.fromString(json);
  } catch (error) {
    throw new CalibrationError(
      'tokenizer',
      `${path}: not a tokenizer that can be read: ${quoteCause(error)}`,
      {
        cause: error,
      },
    );
  }
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  return {
    async encode(text) {
      try {
        return Int32Array.from((await tokenizer.encode(text)).getIds());
      } catch (error) {
        throw new CalibrationError('tokenizer', `${path}: the text cannot be encoded: ${quoteCause(error)}`, {
          cause: error,
        });
      }
    },
  };
}

async function readTokenizerFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= MAX_TOKENIZER_BYTES) return await readFile(path, 'utf8');
    throw new CalibrationError(
      'limit',
      `${path}: ${size} bytes, more than the ${MAX_TOKENIZER_BYTES} supported`,
    );
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new CalibrationError(
        'tokenizer',
        `${path}: no such file, and a text needs a tokenizer; give token-id arrays (.json), which need none`,
      );
    }
    throw new CalibrationError('tokenizer', `${path}: cannot be read: ${quoteCause(error)}`, {
      cause: error,
    });
  }
}
