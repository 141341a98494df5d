import { MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_REFERENCE_LENGTH } from './limits.ts';

/** `org/name[@revision]`, or one GGUF file of it: `org/name/file.gguf[@revision]`. */
export interface ModelReference {
  /** `org/name` */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** The path of a .gguf file in the repository. */
  readonly file: string | null;
}

/** `hf:org/name[@revision][:split]` */
export interface DatasetReference {
  /** `org/name` */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  readonly split: string;
}

const DEFAULT_REVISION = 'main';
const DEFAULT_SPLIT = 'train';
const DATASET_PREFIX = 'hf:';

/** `folder/model.gguf` is a path that was mistyped, not a repository. */
const FILE_EXTENSION = /\.(gguf|safetensors|onnx|bin|pth?|jsonl?|txt|md|ya?ml|parquet|gz|zst|zip)$/i;

/**
 * Reads what `--model` was given, or null where it can only be a path. A quantization's own folder may stand
 * between the repository and the file.
 */
export function parseModelReference(text: string): ModelReference | null {
  if (text.length > MAX_REFERENCE_LENGTH) return null;
  const [name, revision] = cutRevision(text);
  const [organisation, repositoryName, ...path] = name.split('/');
  // A single name is a folder that was mistyped more often than one of the few models without an organisation.
  if (repositoryName === undefined) return null;
  const repository = `${organisation}/${repositoryName}`;
  if (!isRepository(repository) || !isRevision(revision)) return null;
  if (path.length === 0) return FILE_EXTENSION.test(repository) ? null : { repository, revision, file: null };
  const file = path.join('/');
  return path.length <= 2 && isSafePath(file) && /[^/]\.gguf$/.test(file)
    ? { repository, revision, file }
    : null;
}

/** Reads what `--calibration` was given, or null where it is no dataset of the hub. */
export function parseDatasetReference(text: string): DatasetReference | null {
  if (text.length > MAX_REFERENCE_LENGTH || !text.startsWith(DATASET_PREFIX)) return null;
  // No git ref and no repository holds a colon.
  const [name, split = DEFAULT_SPLIT, ...rest] = text.slice(DATASET_PREFIX.length).split(':');
  const [repository, revision] = cutRevision(name);
  if (rest.length > 0 || !isRepository(repository) || !isRevision(revision) || !isSplit(split)) return null;
  return { repository, revision, split };
}

/** Whether a name that a server sent stays inside the folder it is joined to, on any system. */
export function isSafePath(path: string): boolean {
  return (
    path.length > 0 &&
    Buffer.byteLength(path) <= MAX_PATH_BYTES &&
    // A control character would break a line of a log, a backslash or a colon is a path of its own on Windows.
    !/[\p{Cc}\\:]/u.test(path) &&
    path
      .split('/')
      .every(
        (part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= MAX_NAME_BYTES,
      )
  );
}

/** Whether a revision is a commit itself, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function cutRevision(text: string): [name: string, revision: string] {
  const at = text.indexOf('@');
  return at < 0 ? [text, DEFAULT_REVISION] : [text.slice(0, at), text.slice(at + 1)];
}

/** The rules of `validate_repo_id` in the Python client, for a name with its organisation. */
function isRepository(name: string): boolean {
  const part = String.raw`\w(?:[\w.-]{0,94}\w)?`;
  return (
    new RegExp(`^${part}/${part}$`).test(name) &&
    !name.includes('--') &&
    !name.includes('..') &&
    !name.endsWith('.git')
  );
}

/** What git allows in a ref (`git check-ref-format`), less the characters that an address would have to escape. */
function isRevision(revision: string): boolean {
  return (
    /^\w[\w.+-]*(?:\/\w[\w.+-]*)*$/.test(revision) &&
    isSafePath(revision) &&
    !revision.includes('..') &&
    !/\.lock(\/|$)|\.$/.test(revision)
  );
}

/** `_split_re` of the `datasets` library. */
function isSplit(split: string): boolean {
  return /^\w+(\.\w+)*$/.test(split);
}
