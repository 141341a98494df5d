/**
 * What is wrong, by kind. `settings`: an environment variable or the token file; `not-found`, `unauthorized`: the
 * hub's answer; `offline`: not in the cache while the network is switched off; `network`: worth another try later;
 * `unsupported`: the repository has nothing that can be used; `damaged`: bytes that are not what they should be;
 * `limit`: more than any honest repository has; `disk-full`, `cache`: the cache folder.
 */
export type HubErrorCode =
  | 'settings'
  | 'not-found'
  | 'unauthorized'
  | 'offline'
  | 'network'
  | 'unsupported'
  | 'damaged'
  | 'limit'
  | 'disk-full'
  | 'cache';

const MAX_MESSAGE_LENGTH = 390;
const KEPT_TAIL_LENGTH = 160;

/** Names from a hostile server can hold line breaks and be long; the repository and the way out must survive. */
function oneLine(message: string): string {
  const line = message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  if (line.length <= MAX_MESSAGE_LENGTH) return line;
  return `${line.slice(0, MAX_MESSAGE_LENGTH - KEPT_TAIL_LENGTH - 1)}…${line.slice(-KEPT_TAIL_LENGTH)}`;
}

/** A model or dataset that cannot be had from the hub. The message is one line with the way out, without the token. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.code = code;
  }
}

const NO_SPACE = 'free some, or set HF_HUB_CACHE to a folder on another disk';

/** Says that a disk lacks room, and the way out. */
export function diskFull(path: string, reason: string, cause?: unknown): HubError {
  return new HubError('disk-full', `${path}: ${reason}: ${NO_SPACE}`, { cause });
}

/** Converts an error of the file system, met while working on `path` in the cache; others pass through unchanged. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof HubError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (code === 'ENOSPC') return diskFull(path, 'no space left on the device', error);
  if (code === 'EDQUOT') return diskFull(path, 'disk quota exceeded', error);
  const reason = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'no permission to write' : code;
  return new HubError(
    'cache',
    `${path}: ${reason}: make the folder writable, or set HF_HUB_CACHE to another one`,
    {
      cause: error,
    },
  );
}
