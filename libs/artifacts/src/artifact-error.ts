/**
 * What went wrong. Worth another try later: `unavailable`, the serving side cannot be reached or is busy. For good:
 * `refused`, it does not take this caller or request; `not-served`, it has no such content; `changed`, its files are
 * no longer those it began with; `damaged`, what it sends is not what it announced; `does-not-fit` and `disk-full`,
 * the cache has no room; `cache`, the cache folder cannot be used.
 */
export type ArtifactErrorCode =
  'unavailable' | 'refused' | 'not-served' | 'changed' | 'damaged' | 'does-not-fit' | 'disk-full' | 'cache';

/** A model file that cannot be served or had. The message is one line with the way out. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
  readonly code: ArtifactErrorCode;

  constructor(code: ArtifactErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Converts an error of the file system, met while working on `path` in the cache; others pass through unchanged. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof ArtifactError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return isFull
    ? new ArtifactError(
        'disk-full',
        `${path}: no space left (${code}): free some, or name another --cache-dir`,
        {
          cause: error,
        },
      )
    : new ArtifactError(
        'cache',
        `${path}: ${code} in ${syscall}: make the folder writable, or name another --cache-dir`,
        {
          cause: error,
        },
      );
}
