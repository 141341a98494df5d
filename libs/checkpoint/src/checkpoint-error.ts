/**
 * What is wrong with a checkpoint: `not-found` and `unreadable` are about the file system, `disk-full` about the
 * cache folder; the others mean that the file itself cannot be used as it is.
 */
export type CheckpointErrorCode =
  | 'not-found'
  | 'unreadable'
  | 'unsupported'
  | 'truncated'
  | 'malformed'
  | 'missing-tensor'
  | 'wrong-shape'
  | 'disk-full';

const MAX_MESSAGE_LENGTH = 390;
const KEPT_TAIL_LENGTH = 140;

/**
 * A message as one line below 400 characters. Names from a hostile file can hold line breaks and be megabytes long;
 * what is in front, the file, and what is behind, the way out, survive.
 */
export function oneLine(message: string): string {
  const line = message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  if (line.length <= MAX_MESSAGE_LENGTH) return line;
  return `${line.slice(0, MAX_MESSAGE_LENGTH - KEPT_TAIL_LENGTH - 1)}…${line.slice(-KEPT_TAIL_LENGTH)}`;
}

/** A model that cannot be read. The message is one line naming the file, the field, the value and the limit. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly code: CheckpointErrorCode;

  constructor(code: CheckpointErrorCode, message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.code = code;
  }
}

const CODES: Record<string, [CheckpointErrorCode, string]> = {
  ENOENT: ['not-found', 'does not exist'],
  ENOTDIR: ['not-found', 'does not exist'],
  EACCES: ['unreadable', 'permission denied'],
  EPERM: ['unreadable', 'permission denied'],
  ELOOP: ['unreadable', 'is a loop of symbolic links'],
  ENOSPC: ['disk-full', 'no space left on the device: choose another cache folder with --cache-dir'],
  EDQUOT: ['disk-full', 'disk quota exceeded: choose another cache folder with --cache-dir'],
};

/** Converts an error of the file system, met while working on `path`; anything else passes through unchanged. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof CheckpointError) return error;
  const systemCode = (error as NodeJS.ErrnoException).code;
  if (systemCode === undefined || (error as NodeJS.ErrnoException).syscall === undefined) return error;
  const [code, reason] = CODES[systemCode] ?? ['unreadable', `${systemCode} in ${error.message}`];
  return new CheckpointError(code, `${path}: ${reason}`, { cause: error });
}
