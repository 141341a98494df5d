import { ExportError } from './export-error.ts';

const FULL = 'make room and give the same command again, which goes on from here';
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: `no space is left on the device: ${FULL}`,
  EDQUOT: `the disk quota is exceeded: ${FULL}`,
  EFBIG: 'the limit of the file size is reached: raise it (ulimit -f) and give the same command again',
  EACCES: 'permission denied: name a folder that may be written to',
  EPERM: 'permission denied: name a folder that may be written to',
  EROFS: 'the file system is read-only: name a folder that may be written to',
  ENOENT: 'cannot be made there, or is gone: name another folder',
  EEXIST: 'is a file: name a folder that may be made',
  ENOTDIR: 'a part of the path is a file: name a folder that may be made',
};

/** Failures of the file system as a line; those of reading the source are one already. */
export function explained(error: unknown, output: string): unknown {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || error instanceof ExportError || syscall === undefined) return error;
  const reason = REASONS[code ?? ''] ?? error.message;
  return new ExportError(`${path ?? output}: ${reason}`, { cause: error });
}
