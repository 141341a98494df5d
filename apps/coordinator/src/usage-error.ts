/** A command line, environment or config file that cannot be acted on: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command cannot go on, through no fault of its options: exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
