import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '@blockpruner/whole-file';
import { ArtifactError, fromFileSystem } from './artifact-error.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { chunkHash, type ArtifactFile } from './manifest.ts';
import { PartialBlob, type ChunkSpan } from './partial-blob.ts';
import { RETRY_WAITS, retrying, type RetryWaits } from './retrying.ts';

/** A line that damages the same chunk this often will damage it again. */
const MAX_DAMAGES = 5;
/** The serving side says at least every few seconds that a fetch waits; a stream that is silent is dead. */
const SILENCE_MS = 60_000;

/** What is heard of a download. */
export interface DownloadListener {
  /** Bytes of the blob that are there and verified, and those of them that were fetched now. */
  onBytes(doneBytes: number, fetchedBytes: number): void;
  onWaiting(ahead: number): void;
  /** It goes on by itself after `retryMs`. */
  onTrouble(reason: string, retryMs: number): void;
}

export interface DownloadOptions {
  readonly source: ArtifactSource;
  readonly signal: AbortSignal;
  readonly listener: DownloadListener;
  readonly waits?: RetryWaits;
}

/** A chunk arrived with another hash than the manifest's. */
class DamagedChunk extends Error {
  readonly index: number;

  constructor(index: number) {
    super(`chunk ${index}`);
    this.index = index;
  }
}

/**
 * Downloads one file to `path`, going on from what is verified of `<path>.incomplete`. It goes on until the content
 * is there, it is told to stop, or it cannot be had.
 * @throws ArtifactError; what is verified stays for the next try
 */
export async function downloadBlob(
  file: ArtifactFile,
  chunkBytes: number,
  path: string,
  { source, signal, listener, waits = RETRY_WAITS }: DownloadOptions,
): Promise<void> {
  const incomplete = `${path}.incomplete`;
  try {
    const blob = await PartialBlob.open(incomplete, file, chunkBytes);
    try {
      const tell = (): void => listener.onBytes(blob.doneBytes, blob.writtenBytes);
      await blob.takeOver(signal, tell);
      await fetchMissing(blob, source, signal, tell, listener, waits);
      if (!(await blob.finish(signal))) {
        throw new ArtifactError(
          'damaged',
          `${file.name}: every chunk is as announced, the whole is not ${file.sha256}: the coordinator's list of files is wrong; start the run again`,
        );
      }
    } finally {
      await blob.close();
    }
    await rename(incomplete, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

async function fetchMissing(
  blob: PartialBlob,
  source: ArtifactSource,
  signal: AbortSignal,
  tell: () => void,
  listener: DownloadListener,
  waits: RetryWaits,
): Promise<void> {
  const damages = new Map<number, number>();
  let bytesBefore = blob.doneBytes;
  const progressed = (): boolean => {
    const gained = blob.doneBytes > bytesBefore;
    bytesBefore = blob.doneBytes;
    return gained;
  };
  for (let span = blob.nextSpan(); span !== null; span = blob.nextSpan()) {
    const wanted = span;
    try {
      await retrying(() => receive(blob, blob.nextSpan() ?? wanted, source, signal, tell, listener), {
        signal,
        waits,
        progressed,
        onTrouble: (reason, retryMs) => listener.onTrouble(reason, retryMs),
      });
    } catch (error) {
      if (!(error instanceof DamagedChunk)) throw error;
      const count = (damages.get(error.index) ?? 0) + 1;
      damages.set(error.index, count);
      const which = describeChunk(blob, error.index);
      if (count >= MAX_DAMAGES) {
        throw new ArtifactError(
          'damaged',
          `${which} arrived damaged ${count} times: check the network between this machine and the coordinator, and the coordinator's disk`,
        );
      }
      listener.onTrouble(`${which} arrived damaged, it is fetched again`, 0);
    }
  }
}

function describeChunk(blob: PartialBlob, index: number): string {
  const { offsetBytes, lengthBytes } = blob.range(index);
  return `${blob.file.name}: chunk ${index} (${lengthBytes} bytes from ${offsetBytes})`;
}

/** One stream: writes each chunk as soon as it is whole and right. */
async function receive(
  blob: PartialBlob,
  { first, last, offsetBytes, lengthBytes }: ChunkSpan,
  source: ArtifactSource,
  signal: AbortSignal,
  tell: () => void,
  listener: DownloadListener,
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const chunk = Buffer.allocUnsafe(Math.min(blob.chunkBytes, lengthBytes));
  let index = first;
  let filled = 0;
  let hash = createHash('sha256');
  try {
    const request = { sha256: blob.file.sha256, offsetBytes, lengthBytes };
    for await (const reply of source.fetch(request, AbortSignal.any([signal, silence.signal]))) {
      timer.refresh();
      if (reply.kind === 'waiting') {
        listener.onWaiting(reply.ahead);
        continue;
      }
      for (let at = 0; at < reply.bytes.length;) {
        if (index > last) throw new DamagedChunk(last); // more than was asked for
        const length = blob.range(index).lengthBytes;
        const part = reply.bytes.subarray(at, at + length - filled);
        chunk.set(part, filled);
        hash.update(part);
        at += part.length;
        filled += part.length;
        if (filled < length) continue;
        if (!hash.digest().equals(chunkHash(blob.file, index))) throw new DamagedChunk(index);
        await blob.put(index, chunk.subarray(0, length));
        tell();
        index += 1;
        filled = 0;
        hash = createHash('sha256');
      }
    }
  } catch (error) {
    if (error instanceof ArtifactError && error.code === 'damaged') throw new DamagedChunk(index);
    if (!silence.signal.aborted || signal.aborted) throw error;
    throw new ArtifactError('unavailable', `nothing came for ${SILENCE_MS / 1000} s`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (index <= last) throw new ArtifactError('unavailable', 'the stream ended early');
}
