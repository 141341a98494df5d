import { createHash, type Hash } from 'node:crypto';
import { constants, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { addressPrefix, nameOf, type Subject } from './hub-answer.ts';
import { fromFileSystem, HubError } from './hub-error.ts';
import { asTransient, bodyOf, get, startIdleLimit, type Hub, type HubResponse } from './hub-request.ts';
import { claimPartial, releasePartial, removePartials } from './partial-file.ts';
import type { ListedFile } from './repository-listing.ts';
import { TransientFailure, withRetries } from './retries.ts';

/*
 * One blob, from the hub into the cache.
 *
 * 1. `position` bytes from the start of the partial file are there, and `digest` has seen exactly these.
 * 2. A lost connection goes on from `position`; a server that does not honour Range starts from 0 again.
 * 3. The file gets a blob's name only after its size and its hash are those of the hub's listing.
 * 4. Bytes with a wrong hash are removed. Where some came from an earlier download, one more from 0 is tried first.
 */

/** A connection that brought less than this, beyond where the download ever was, is one more failure in a row. */
const PROGRESS_BYTES = 2 ** 20;

const READ_BYTES = 2 ** 20;

/** Where blobs come from and go to. */
export interface BlobSource {
  readonly hub: Hub;
  readonly subject: Subject;
  readonly commit: string;
  readonly blobs: string;
  /** Ends a download with its reason. */
  readonly signal: AbortSignal;
}

/** Hears how many bytes of a blob are there; the number falls when a download starts again. */
export type OnBytes = (doneBytes: number) => void;

interface Transfer extends BlobSource {
  readonly file: ListedFile;
  readonly path: string;
  readonly handle: FileHandle;
  readonly onBytes: OnBytes;
  position: number;
  digest: Hash;
}

/**
 * Downloads one file of a commit to `blobs/<hash>`, going on from what an earlier try left.
 * @throws HubError; what is worth keeping is then in `blobs/<hash>.incomplete`
 */
export async function downloadBlob(file: ListedFile, source: BlobSource, onBytes: OnBytes): Promise<void> {
  const { blobs } = source;
  const partial = await claimPartial(blobs, file.hash);
  try {
    await fill(partial, file, source, onBytes);
    await rename(partial, join(blobs, file.hash));
    await removePartials(partial, blobs, file.hash);
  } catch (error) {
    if (error instanceof HubError && error.code === 'damaged') await rm(partial, { force: true });
    await releasePartial(partial, blobs, file.hash);
    throw fromFileSystem(error, join(blobs, file.hash));
  }
}

async function fill(path: string, file: ListedFile, source: BlobSource, onBytes: OnBytes): Promise<void> {
  await using handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  const transfer: Transfer = {
    ...source,
    file,
    path,
    handle,
    onBytes,
    position: 0,
    digest: startDigest(file),
  };
  await takeOver(transfer);
  const resumed = transfer.position > 0;
  await receiveAll(transfer);
  let digest = transfer.digest.digest('hex');
  if (digest !== file.hash && resumed) {
    await restart(transfer);
    await receiveAll(transfer);
    digest = transfer.digest.digest('hex');
  }
  if (digest !== file.hash) {
    throw damaged(transfer, `has the hash ${digest}, the hub says ${file.hash}`);
  }
  await handle.datasync();
}

/** Git hashes a blob with its size in front (gitformat-object); LFS hashes the content alone. */
function startDigest({ hash, sizeBytes }: ListedFile): Hash {
  return hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${sizeBytes}\0`);
}

/** Counts and hashes what an earlier download left (1). */
async function takeOver(transfer: Transfer): Promise<void> {
  const { handle, file } = transfer;
  const { size } = await handle.stat();
  if (size > file.sizeBytes) return restart(transfer);
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, size));
  while (transfer.position < size) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, transfer.position);
    if (bytesRead === 0) break;
    advance(transfer, buffer.subarray(0, bytesRead));
  }
}

async function restart(transfer: Transfer): Promise<void> {
  await transfer.handle.truncate(0);
  transfer.position = 0;
  transfer.digest = startDigest(transfer.file);
  transfer.onBytes(0);
}

function advance(transfer: Transfer, bytes: Uint8Array): void {
  transfer.digest.update(bytes);
  transfer.position += bytes.length;
  transfer.onBytes(transfer.position);
}

async function receiveAll(transfer: Transfer): Promise<void> {
  const { file, hub, signal } = transfer;
  let furthest = transfer.position;
  // A server that ignores Range must not count as progress each time it sends the same bytes again.
  const progressed = (): boolean => {
    const gained = transfer.position - furthest;
    furthest = Math.max(furthest, transfer.position);
    return gained >= PROGRESS_BYTES;
  };
  while (transfer.position < file.sizeBytes) {
    await withRetries(() => receive(transfer), hub.patience, { progressed, signal });
  }
}

/** One connection (2). */
async function receive(transfer: Transfer): Promise<void> {
  const { hub, subject, file } = transfer;
  const idle = startIdleLimit(hub.patience.idleMs, subject);
  const signal = AbortSignal.any([idle.signal, transfer.signal]);
  try {
    const range = transfer.position > 0 ? { range: `bytes=${transfer.position}-` } : undefined;
    const answer = await get(
      addressOf(transfer),
      { 'accept-encoding': 'identity', ...range },
      hub,
      subject,
      file.path,
      signal,
    );
    await checkAnswer(answer, transfer);
    for await (const chunk of bodyOf(answer.response)) {
      idle.touch();
      if (transfer.position + chunk.length > file.sizeBytes) {
        throw damaged(transfer, `is longer than the ${file.sizeBytes} bytes that the hub says`);
      }
      await write(transfer, chunk);
      advance(transfer, chunk);
    }
  } catch (error) {
    transfer.signal.throwIfAborted();
    throw asTransient(error, subject, 'the server');
  } finally {
    idle.stop();
  }
  if (transfer.position < file.sizeBytes) {
    throw new TransientFailure(
      `${nameOf(subject)}: the server closed the connection after ${transfer.position} of ${file.sizeBytes} bytes of ${file.path}`,
    );
  }
}

function addressOf({ hub, subject, commit, file }: Transfer): string {
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  return `${hub.settings.endpoint}/${addressPrefix(subject.kind)}${subject.repository}/resolve/${commit}/${path}`;
}

/** Leaves `position` where the body of the answer starts. */
async function checkAnswer({ response, announcedHash }: HubResponse, transfer: Transfer): Promise<void> {
  const { file, subject } = transfer;
  const { status, headers } = response;
  if (announcedHash !== null && announcedHash !== file.hash) {
    await response.body?.cancel();
    throw damaged(transfer, `is announced with the hash ${announcedHash}, listed with ${file.hash}`);
  }
  if (status === 206 && transfer.position > 0) {
    const range = headers.get('content-range');
    if (range?.startsWith(`bytes ${transfer.position}-`)) return;
    await response.body?.cancel();
    throw damaged(
      transfer,
      `comes with the range ${range?.slice(0, 60) ?? 'missing'}, not from ${transfer.position}`,
    );
  }
  if (transfer.position > 0) await restart(transfer);
  if (status !== 200) {
    await response.body?.cancel();
    throw new TransientFailure(`${nameOf(subject)}: the server answers ${status} for ${file.path}`);
  }
  const length = headers.get('content-length');
  if (length !== null && headers.get('content-encoding') === null && Number(length) !== file.sizeBytes) {
    await response.body?.cancel();
    throw damaged(transfer, `has ${length} bytes, the hub says ${file.sizeBytes}`);
  }
}

async function write({ handle, position, path }: Transfer, chunk: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
      done += bytesWritten;
    }
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

function damaged({ subject, file }: Transfer, what: string): HubError {
  return new HubError(
    'damaged',
    `${nameOf(subject)}: ${file.path} ${what}; what came of it is removed: run the command again, or check HF_ENDPOINT and any proxy`,
  );
}
