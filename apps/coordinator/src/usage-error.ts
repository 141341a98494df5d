/** A command line, environment or config file that cannot be acted on: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command cannot go on, through no fault of its options: exit code 1. */
export class RunError extends Error {
  override readonly name: string = 'RunError';
}

/** No worker came within the worker timeout: a resume goes on once there is one. */
export class NoWorkers extends RunError {
  override readonly name = 'NoWorkers';
}
