import { isUtf8 } from 'node:buffer';
import { constants, open } from 'node:fs/promises';
import { CalibrationError, quoteCause } from './calibration-error.ts';

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * The text of a regular file that is valid UTF-8, without a byte order mark.
 * @throws CalibrationError when there is no such file, or it is empty, too large or not UTF-8
 */
export async function readCalibrationFile(path: string, maxBytes: number): Promise<string> {
  const bytes = await readBounded(path, maxBytes);
  if (!isUtf8(bytes)) {
    throw new CalibrationError('format', `${path}: not valid UTF-8; save the file as UTF-8`);
  }
  const text = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? bytes.subarray(3) : bytes;
  if (text.length === 0) throw new CalibrationError('file', `${path}: the file is empty`);
  return text.toString('utf8');
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  try {
    // A pipe without a writer would block the open itself for ever without O_NONBLOCK.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new CalibrationError('file', `${path}: a folder, not a .txt or .json file`);
    if (!stat.isFile()) throw new CalibrationError('file', `${path}: not a regular file`);
    if (stat.size > maxBytes) {
      throw new CalibrationError(
        'limit',
        `${path}: ${stat.size} bytes, more than the ${maxBytes} a file of this kind may have; give a part of it`,
      );
    }
    return await file.readFile();
  } catch (error) {
    if (error instanceof CalibrationError) throw error;
    throw new CalibrationError('file', `${path}: ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'no permission to read it';
  return `cannot be read: ${quoteCause(error)}`;
}
