/** A command line that cannot be acted on: exit code 2. */
export class WorkerUsageError extends Error {
  override readonly name = 'WorkerUsageError';
}
