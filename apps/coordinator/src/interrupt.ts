/** The user, or the machine, asked the command to stop: exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(signal: string) {
    super(`interrupted by ${signal}`);
  }
}

type Handler = (reason: Interrupted) => void;

const handlers: Handler[] = [];

/**
 * Takes SIGINT and SIGTERM for the rest of the process. With nothing to bring into order, and at a second signal, the
 * process goes at once.
 */
export function takeSignals(): void {
  let signals = 0;
  const handle = (signal: NodeJS.Signals): void => {
    const handler = handlers.at(-1);
    if (handler === undefined || ++signals > 1) process.exit(130);
    handler(new Interrupted(signal));
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
}

/** @returns a function that ends the handler's turn */
export function onInterrupt(handler: Handler): () => void {
  handlers.push(handler);
  return () => void handlers.splice(handlers.indexOf(handler), 1);
}
