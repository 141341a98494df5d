import { oneLine } from '@blockpruner/checkpoint';

/**
 * What is wrong, by kind: an option, the file itself, what is written in it, a size beyond a limit, one token
 * id, too little text for a row, or the tokenizer.
 */
export type CalibrationErrorCode =
  'options' | 'file' | 'format' | 'limit' | 'token-id' | 'too-few-tokens' | 'tokenizer';

/** A calibration set that cannot be had from what was given. The message is one line with the way out. */
export class CalibrationError extends Error {
  override readonly name = 'CalibrationError';
  readonly code: CalibrationErrorCode;

  constructor(code: CalibrationErrorCode, message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.code = code;
  }
}

/** The first line of a foreign error's message, short enough to quote. */
export function quoteCause(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0].slice(0, 200);
}
