import { CalibrationError } from './calibration-error.ts';
import { MAX_WORD_CHARACTERS } from './limits.ts';

/** @throws CalibrationError when a word is too long to be encoded in the memory there is */
export function checkWordLength(word: string): void {
  if (word.length <= MAX_WORD_CHARACTERS) return;
  throw new CalibrationError(
    'limit',
    `the tokenizer takes ${word.length} characters of the text as one word, more than the ${MAX_WORD_CHARACTERS} ` +
      'supported; give a part of the text, or token-id arrays',
  );
}
