import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_UNPACKED_BYTES } from './limits.ts';
import { fileError } from './source-file.ts';
import type { Compression } from './source-format.ts';

const WINDOW_BYTES = 2 ** 16;

/** What is read of an open file, and how. */
export interface ByteSource {
  readonly path: string;
  readonly handle: FileHandle;
  readonly compression: Compression;
  /** Called with the bytes read from disk since the last call. */
  readonly onBytes: (count: number) => void;
  /** What a compressed file may expand to. */
  readonly maxUnpackedBytes?: number;
}

/**
 * The bytes of a file, decompressed, in chunks of up to 64 KiB. A `.gz` of several members and a `.zst` of several
 * frames give all of them.
 * @throws CalibrationError for a corrupt or truncated file, one with something behind its last member, or a bomb
 */
export async function* readBytes(source: ByteSource): AsyncGenerator<Buffer> {
  const { path, compression, maxUnpackedBytes = MAX_UNPACKED_BYTES } = source;
  const chunks = fromDisk(source);
  if (compression === 'none') {
    yield* chunks;
    return;
  }
  let total = 0;
  for await (const chunk of decompressed(chunks, path, compression)) {
    total += chunk.length;
    if (total > maxUnpackedBytes) {
      throw new CalibrationError(
        'limit',
        `${path}: expands to more than ${maxUnpackedBytes} bytes; give a part of it`,
      );
    }
    yield chunk;
  }
}

async function* fromDisk({ path, handle, onBytes }: ByteSource): AsyncGenerator<Buffer> {
  try {
    const stream = handle.createReadStream({ start: 0, highWaterMark: WINDOW_BYTES, autoClose: false });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      onBytes(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

async function* decompressed(
  chunks: AsyncGenerator<Buffer>,
  path: string,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Buffer> {
  // Node's zstd stream ends with the first frame and drops what follows, so that each frame has its own.
  const rest = { bytes: Buffer.alloc(0), readBytes: 0 };
  while (rest.bytes.length > 0 || (await refill(rest, chunks))) {
    const startByte = rest.readBytes - rest.bytes.length;
    // With a high water mark of one byte a chunk is asked for only when the one before is used up.
    const options = { writableHighWaterMark: 1, chunkSize: WINDOW_BYTES };
    const unpacker = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    let failure: unknown;
    let produced = startByte > 0;
    const feeding = pipeline(feed(unpacker, rest, chunks), unpacker).catch((error: unknown) => {
      failure = error;
    });
    try {
      for await (const chunk of unpacker as AsyncIterable<Buffer>) {
        produced = true;
        yield chunk;
      }
    } catch (error) {
      await feeding;
      const cause = failure ?? error;
      if (cause instanceof CalibrationError) throw cause;
      throw unpackError(path, compression, produced, cause);
    } finally {
      unpacker.destroy();
      await feeding;
    }
    if (rest.readBytes - rest.bytes.length === startByte) {
      throw unpackError(path, compression, produced, new Error('no progress'));
    }
  }
}

interface Rest {
  bytes: Buffer;
  /** Read from disk so far, `bytes` included. */
  readBytes: number;
}

async function refill(rest: Rest, chunks: AsyncGenerator<Buffer>): Promise<boolean> {
  const next = await chunks.next();
  if (next.done === true) return false;
  rest.bytes = next.value;
  rest.readBytes += next.value.length;
  return true;
}

async function* feed(
  unpacker: { readonly bytesWritten: number },
  rest: Rest,
  chunks: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  let used = 0;
  do {
    const chunk = rest.bytes;
    yield chunk;
    rest.bytes = chunk.subarray(unpacker.bytesWritten - used);
    used = unpacker.bytesWritten;
    if (rest.bytes.length > 0) return;
  } while (await refill(rest, chunks));
}

function unpackError(
  path: string,
  compression: 'gzip' | 'zstd',
  produced: boolean,
  cause: unknown,
): CalibrationError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return new CalibrationError('format', `${path}: ${reason()}`, { cause });

  function reason(): string {
    if (code === 'Z_BUF_ERROR')
      return `the ${compression} data was cut off; fetch or compress the file again`;
    if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
      return 'compressed with a window beyond 128 MB; compress it again without --long or --ultra';
    }
    if (code === 'ZSTD_error_prefix_unknown' || quoteCause(cause) === 'incorrect header check') {
      return produced
        ? `what follows the ${compression} data is not ${compression} data; remove it`
        : `not ${compression} data, as its extension says; name it by what it is`;
    }
    return `corrupt ${compression} data (${quoteCause(cause)}); fetch or compress it again`;
  }
}
