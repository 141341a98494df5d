import { constants, open, type FileHandle } from 'node:fs/promises';
import { CalibrationError, quoteCause } from './calibration-error.ts';

/**
 * Opens a regular file that is not empty. The caller closes the handle.
 * @throws CalibrationError for anything else
 */
export async function openSource(path: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  let handle: FileHandle | undefined;
  try {
    // A pipe without a writer would block the open itself for ever without O_NONBLOCK.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new CalibrationError('file', `${path}: a folder, not a file`);
    if (!stat.isFile())
      throw new CalibrationError('file', `${path}: not a regular file; save it as a file first`);
    if (stat.size === 0) throw new CalibrationError('file', `${path}: the file is empty`);
    return { handle, sizeBytes: stat.size };
  } catch (error) {
    await handle?.close();
    throw fileError(path, error);
  }
}

/** The CalibrationError for a failed call of the file system; one that is a CalibrationError already stays. */
export function fileError(path: string, error: unknown): CalibrationError {
  if (error instanceof CalibrationError) return error;
  return new CalibrationError('file', `${path}: ${describe(error)}`, { cause: error });
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'no such file or folder';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'ENXIO':
      return 'not a regular file; save it as a file first';
    default:
      return `cannot be read: ${quoteCause(error)}`;
  }
}
