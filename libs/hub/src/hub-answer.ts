import { HubError } from './hub-error.ts';
import type { HubSettings } from './hub-settings.ts';
import { TransientFailure } from './retries.ts';

/** What is asked of the hub: it names the repository in messages, and is part of every address. */
export interface Subject {
  readonly kind: 'model' | 'dataset';
  /** `org/name` */
  readonly repository: string;
  readonly revision: string;
}

/** The part of an address before the repository's name. */
export function addressPrefix(kind: Subject['kind']): string {
  return kind === 'dataset' ? 'datasets/' : '';
}

/** `org/name@revision`, for messages. */
export function nameOf({ repository, revision }: Subject): string {
  return `${repository}@${revision}`;
}

/**
 * What an answer that is neither a success nor a redirect means. The server's own words are not quoted: they may
 * hold anything, the token included.
 */
export function explainStatus(
  response: Response,
  subject: Subject,
  file: string | null,
  settings: HubSettings,
): Error {
  const { status } = response;
  const host = new URL(settings.endpoint).host;
  if (status === 429 || status === 408 || status === 425 || status >= 500) {
    return new TransientFailure(`${nameOf(subject)}: ${host} answers ${status}`, {
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
    });
  }
  const reason = response.headers.get('x-error-code');
  if (status === 401 || status === 403) return unauthorized(status, reason, subject, settings);
  if (status === 404) return new HubError('not-found', notFound(reason, subject, file, settings));
  return new HubError(
    'network',
    `${nameOf(subject)}: ${host} answers ${status}: check that HF_ENDPOINT is a Hugging Face hub`,
  );
}

function unauthorized(
  status: number,
  reason: string | null,
  subject: Subject,
  settings: HubSettings,
): HubError {
  const { repository, kind } = subject;
  const page = pageOf(subject, settings);
  if (reason === 'GatedRepo') {
    const login = settings.token === null ? 'set HF_TOKEN' : 'let HF_TOKEN be of the account that did so';
    return new HubError('unauthorized', `${repository}: gated: accept its licence at ${page}, and ${login}`);
  }
  if (settings.token === null) {
    return new HubError(
      'unauthorized',
      `${repository}: no public ${kind} of this name (${status}): check the name; ` +
        `if it is private or gated, accept its licence at ${page} and set HF_TOKEN`,
    );
  }
  return new HubError(
    'unauthorized',
    `${repository}: the hub refuses the token (${status}): see that it is valid at ${settings.endpoint}/settings/tokens, ` +
      `and that its account has accepted the licence at ${page}`,
  );
}

function notFound(
  reason: string | null,
  subject: Subject,
  file: string | null,
  settings: HubSettings,
): string {
  const { kind, repository, revision } = subject;
  if (reason === 'RevisionNotFound') {
    return `${repository}: has no revision ${revision}: name a branch, a tag or a full commit that ${pageOf(subject, settings)} has`;
  }
  if (file !== null) return `${nameOf(subject)}: has no file ${file} on ${settings.endpoint}`;
  const login = settings.token === null ? ', or set HF_TOKEN if it is private' : '';
  return `${repository}: no such ${kind} on ${settings.endpoint} (revision ${revision}): check the name${login}`;
}

function pageOf({ kind, repository }: Subject, settings: HubSettings): string {
  return `${settings.endpoint}/${addressPrefix(kind)}${repository}`;
}

/** Seconds or a date (RFC 9110, section 10.2.3); 0 where there is neither. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0;
}
