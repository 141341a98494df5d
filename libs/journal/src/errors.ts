/** What went wrong with a run folder; `RunFolderError.code` says which. */
export type RunFolderErrorCode =
  'taken' | 'not-a-run' | 'owned' | 'corrupt' | 'lost-ownership' | 'mismatch' | 'io';

/**
 * The one error of this lib. `taken`, `not-a-run`, `owned` and `mismatch` are the user's to solve, `io` is the
 * disk's; after `lost-ownership` another process has the folder and this one must stop; `corrupt` is damage that
 * no crash explains.
 */
export class RunFolderError extends Error {
  override readonly name = 'RunFolderError';
  readonly code: RunFolderErrorCode;

  constructor(code: RunFolderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const WAY_OUT: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then resume',
  EDQUOT: 'the disk quota is used up: free some space, then resume',
  EFBIG: 'the file size limit is reached: raise it (ulimit -f), then resume',
  EACCES: 'give this user write access to the folder, or choose another one',
  EPERM: 'give this user write access to the folder, or choose another one',
  EROFS: 'the file system is read-only: choose a folder on a writable one',
  ENOTDIR: 'a part of the path is a file: choose another folder',
};

/** Turns a file system error into a RunFolderError that names the path, the errno and the way out. */
export function ioError(cause: unknown, doing: string, path: string): RunFolderError {
  if (cause instanceof RunFolderError) return cause;
  const errno = errnoOf(cause) ?? String(cause);
  const wayOut = WAY_OUT[errno] ?? 'check the disk, then resume';
  return new RunFolderError('io', `cannot ${doing} ${path}: ${errno}; ${wayOut}`, { cause });
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Damage that no crash explains. `what` names the file and the place. */
export function corrupt(folder: string, what: string, options?: ErrorOptions): RunFolderError {
  return new RunFolderError(
    'corrupt',
    `${folder}: ${what}; restore the folder from a copy, or start a new run in another folder`,
    options,
  );
}

export function notARun(folder: string): RunFolderError {
  return new RunFolderError(
    'not-a-run',
    `${folder} is not a run folder (no journal.jsonl): name the folder of a run`,
  );
}
