import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadBlob, type BlobSource } from './blob-download.ts';
import { blobsFolder, fileSize, snapshotFolder } from './cache-layout.ts';
import { diskFull, fromFileSystem } from './hub-error.ts';
import { partialBytes } from './partial-file.ts';
import { checkFileSize, type ListedFile } from './repository-listing.ts';

/** Hears of the bytes of all files together; `what` is the repository. */
export type HubProgress = (doneBytes: number, totalBytes: number, what: string) => void;

/** One connection rarely fills a fast line, and a shard of a dataset may be small. */
const CONNECTIONS = 4;

/** Where the content of a listed file is in the cache, or null: in the snapshot, or as a blob without a name yet. */
export async function locateContent(
  repository: string,
  commit: string,
  file: ListedFile,
): Promise<string | null> {
  for (const path of [
    join(snapshotFolder(repository, commit), ...file.path.split('/')),
    join(blobsFolder(repository), file.hash),
  ]) {
    if ((await fileSize(path)) === file.sizeBytes) return path;
  }
  return null;
}

/**
 * Downloads what is missing of these files, several at a time; the first failure ends the others.
 * @throws HubError, before any download where the disk lacks room
 */
export async function downloadMissing(
  files: readonly ListedFile[],
  repository: string,
  source: Omit<BlobSource, 'blobs' | 'signal'>,
  onProgress: HubProgress = () => undefined,
): Promise<void> {
  const blobs = blobsFolder(repository);
  // Two names of one content are one blob.
  const missing = new Map<string, ListedFile>();
  for (const file of files) {
    checkFileSize(file, source.subject);
    if ((await locateContent(repository, source.commit, file)) === null) missing.set(file.hash, file);
  }
  if (missing.size === 0) return;
  await makeRoom(blobs, [...missing.values()]);

  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  let doneBytes = totalBytes - [...missing.values()].reduce((sum, file) => sum + file.sizeBytes, 0);
  const queue = [...missing.values()];
  const controller = new AbortController();
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined && !controller.signal.aborted; file = queue.shift()) {
      let before = 0;
      const onBytes = (bytes: number): void => {
        doneBytes += bytes - before;
        before = bytes;
        onProgress(doneBytes, totalBytes, source.subject.repository);
      };
      await downloadBlob(file, { ...source, blobs, signal: controller.signal }, onBytes);
    }
  };
  const workers = Array.from({ length: CONNECTIONS }, () =>
    work().catch((error: unknown) => controller.abort(error)),
  );
  await Promise.all(workers);
  controller.signal.throwIfAborted();
}

async function makeRoom(blobs: string, files: readonly ListedFile[]): Promise<void> {
  let neededBytes = 0;
  for (const file of files)
    neededBytes += Math.max(file.sizeBytes - (await partialBytes(blobs, file.hash)), 0);
  let freeBytes: number;
  try {
    await mkdir(blobs, { recursive: true });
    const { bavail, bsize } = await statfs(blobs);
    freeBytes = bavail * bsize;
  } catch (error) {
    throw fromFileSystem(error, blobs);
  }
  if (neededBytes > freeBytes)
    throw diskFull(blobs, `${neededBytes} bytes are needed, ${freeBytes} are free`);
}
