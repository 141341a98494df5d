import { oneLine } from '@blockpruner/checkpoint';

/** An export that cannot be. The message is one line with what is in the way, and the way out. */
export class ExportError extends Error {
  override readonly name = 'ExportError';

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}
