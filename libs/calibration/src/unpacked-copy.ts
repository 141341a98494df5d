import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { readBytes, type ByteSource } from './decompress.ts';
import { MAX_UNPACKED_PARQUET_BYTES } from './limits.ts';

/** Left free on the disk of the temporary folder, which other programs write to as well. */
const FREE_BYTES = 2 ** 28;

const CHECK_EVERY_BYTES = 2 ** 26;

/** A decompressed copy of a file in a folder of its own. */
export interface UnpackedCopy {
  readonly path: string;
  /** A second call does nothing. */
  remove(): Promise<void>;
}

/**
 * Decompresses a file into the system's temporary folder.
 * @throws CalibrationError when it is corrupt or too large, also for the disk; nothing is left then
 */
export async function unpackCopy(source: ByteSource): Promise<UnpackedCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'blockpruner-parquet-')).catch((error: unknown) => {
    throw writeError(source.path, error);
  });
  const copy = {
    path: join(folder, 'unpacked.parquet'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  try {
    await write(copy.path, folder, source);
    return copy;
  } catch (error) {
    await copy.remove();
    if (error instanceof CalibrationError) throw error;
    throw writeError(source.path, error);
  }
}

function writeError(path: string, cause: unknown): CalibrationError {
  return new CalibrationError(
    'file',
    `${path}: cannot be unpacked into ${tmpdir()} (${quoteCause(cause)}); unpack it yourself, or set TMPDIR`,
    { cause },
  );
}

async function write(path: string, folder: string, source: ByteSource): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  let sinceCheck = CHECK_EVERY_BYTES;
  const bounded = { maxUnpackedBytes: MAX_UNPACKED_PARQUET_BYTES, ...source };
  for await (const chunk of readBytes(bounded)) {
    if (sinceCheck >= CHECK_EVERY_BYTES) {
      await checkSpace(folder, source.path);
      sinceCheck = 0;
    }
    await file.writeFile(chunk);
    sinceCheck += chunk.length;
  }
}

async function checkSpace(folder: string, path: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= FREE_BYTES + CHECK_EVERY_BYTES) return;
  throw new CalibrationError(
    'limit',
    `${path}: the temporary folder ${tmpdir()} has too little space to unpack it; unpack it yourself, or set TMPDIR`,
  );
}
