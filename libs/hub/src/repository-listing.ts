import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import { nameOf, type Subject } from './hub-answer.ts';
import { HubError } from './hub-error.ts';
import { jsonFetch, type Hub } from './hub-request.ts';
import { MAX_FILE_BYTES, MAX_LISTED_FILES } from './limits.ts';
import { isCommit, isSafePath } from './reference.ts';

/** A file as the hub lists it. */
export interface ListedFile {
  /** Relative, with forward slashes, and safe to join to a folder. */
  readonly path: string;
  readonly sizeBytes: number;
  /** The name of its blob in the cache: SHA-256 of an LFS object (64 digits), else the SHA-1 of git's blob (40). */
  readonly hash: string;
}

/** The files of one commit, by path. */
export interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * Asks the hub which commit a revision is, and which files it has.
 * @throws HubError
 */
export async function listRepository(hub: Hub, subject: Subject): Promise<Listing> {
  try {
    const commit = isCommit(subject.revision) ? subject.revision : await askCommit(hub, subject);
    const files = new Map<string, ListedFile>();
    const entries = listFiles({
      repo: { type: subject.kind, name: subject.repository },
      revision: commit,
      recursive: true,
      hubUrl: hub.settings.endpoint,
      fetch: jsonFetch(hub, subject),
    });
    let count = 0;
    for await (const entry of entries) {
      if (++count > MAX_LISTED_FILES) {
        throw new HubError(
          'limit',
          `${nameOf(subject)}: has more than ${MAX_LISTED_FILES} files: download what you need with the hf command, and give the folder`,
        );
      }
      const file = readEntry(entry, subject);
      if (file !== null) files.set(file.path, file);
    }
    return { commit, files };
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw notAHub(subject, 'a reply that is not the JSON of the hub', error);
  }
}

async function askCommit(hub: Hub, { kind, repository, revision }: Subject): Promise<string> {
  const question = {
    name: repository,
    revision,
    hubUrl: hub.settings.endpoint,
    additionalFields: ['sha'] as 'sha'[],
    fetch: jsonFetch(hub, { kind, repository, revision }),
  };
  const { sha } = kind === 'model' ? await modelInfo(question) : await datasetInfo(question);
  if (typeof sha !== 'string' || !isCommit(sha)) {
    throw notAHub({ kind, repository, revision }, 'no commit for this revision');
  }
  return sha;
}

/** @returns null for a folder, a submodule and the like */
function readEntry(entry: unknown, subject: Subject): ListedFile | null {
  const { type, path, size, oid, lfs } = (entry ?? {}) as Record<string, unknown>;
  if (type !== 'file') return null;
  if (typeof path !== 'string' || !isSafePath(path)) {
    throw new HubError(
      'damaged',
      `${nameOf(subject)}: lists a file whose name is no relative path: ${JSON.stringify(path)?.slice(0, 80)}`,
    );
  }
  const { oid: hash, size: sizeBytes } = lfs ? (lfs as Record<string, unknown>) : { oid, size };
  if (typeof hash !== 'string' || !(lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(hash)) {
    throw notAHub(subject, `no hash for ${path}`);
  }
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw notAHub(subject, `no size for ${path}`);
  }
  return { path, sizeBytes, hash };
}

/** @throws HubError for a file that cannot come over plain HTTP */
export function checkFileSize(file: ListedFile, subject: Subject): void {
  if (file.sizeBytes <= MAX_FILE_BYTES) return;
  throw new HubError(
    'unsupported',
    `${nameOf(subject)}: ${file.path} has ${file.sizeBytes} bytes, over the ${MAX_FILE_BYTES} that come over plain HTTP: ` +
      `fetch it into the same cache with: hf download ${subject.repository} --repo-type ${subject.kind} --revision ${subject.revision}`,
  );
}

function notAHub(subject: Subject, what: string, cause?: unknown): HubError {
  return new HubError(
    'damaged',
    `${nameOf(subject)}: the server sends ${what}: check that HF_ENDPOINT is a Hugging Face hub`,
    { cause },
  );
}
