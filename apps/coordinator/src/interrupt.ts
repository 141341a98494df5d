/** The user, or the machine, asked the command to stop: exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(signal: string) {
    super(`interrupted by ${signal}`);
  }
}

/**
 * Calls back at the first SIGINT or SIGTERM; at the second the process goes at once, whatever it is doing.
 * @returns a function that gives the signals back
 */
export function onInterrupt(callback: (reason: Interrupted) => void): () => void {
  let isSecond = false;
  const handle = (signal: NodeJS.Signals): void => {
    if (isSecond) process.exit(130);
    isSecond = true;
    callback(new Interrupted(signal));
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
}
