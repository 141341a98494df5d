import { status } from '@grpc/grpc-js';
import { ArtifactError, type ArtifactErrorCode } from '@blockpruner/artifacts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/** Failures of the serving side that have a code of their own. */
const STATUS_OF: Partial<Record<ArtifactErrorCode, status>> = {
  refused: status.INVALID_ARGUMENT,
  'not-served': status.NOT_FOUND,
  changed: status.FAILED_PRECONDITION,
  unavailable: status.RESOURCE_EXHAUSTED,
};

/** What is for good; all others may be gone the next time. */
const CODE_OF = new Map<status, ArtifactErrorCode>([
  [status.NOT_FOUND, 'not-served'],
  [status.FAILED_PRECONDITION, 'changed'],
  [status.INVALID_ARGUMENT, 'refused'],
  [status.UNIMPLEMENTED, 'refused'],
  [status.UNAUTHENTICATED, 'refused'],
  [status.PERMISSION_DENIED, 'refused'],
]);

/** What the caller is told of a failure: the way out, nothing of paths and stacks. */
export function statusOf(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof WireError) return { code: status.INVALID_ARGUMENT, details: cutReason(error.message) };
  if (!(error instanceof ArtifactError)) {
    const { code } = error as NodeJS.ErrnoException;
    return { code: status.UNAVAILABLE, details: `the files cannot be read now${code ? ` (${code})` : ''}` };
  }
  return { code: STATUS_OF[error.code] ?? status.UNAVAILABLE, details: cutReason(error.message) };
}

/** The failure that a caller sees. @param address of the serving side, for the message */
export function errorOf(code: status, details: string, address: string, cause: unknown): ArtifactError {
  const message = cutReason(`artifacts at ${address}: ${details}`);
  return new ArtifactError(CODE_OF.get(code) ?? 'unavailable', message, { cause });
}
