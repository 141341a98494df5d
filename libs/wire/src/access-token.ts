import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { WireError } from './wire-error.ts';

/** Shorter tokens could be guessed. */
const MIN_TOKEN_CHARS = 16;

/** Longer ones are no tokens: it must fit into a header. */
const MAX_TOKEN_CHARS = 1024;

/** A token file is read again this long after it was read last: a flood of calls is no flood of reads. */
const REREAD_MS = 1000;

/** The scheme that proxies and other tools know. */
const SCHEME = 'Bearer ';

/**
 * The tokens of a file, one a line, or one given as it is.
 * @throws WireError `bad-credentials` when there is none, or one that is too short, too long or has odd characters
 */
export function parseTokens(text: string, from: string): string[] {
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (tokens.length === 0)
    throw bad(`${from} holds no token: write one into it, e.g. by openssl rand -hex 32`);
  for (const token of tokens) {
    if (token.length < MIN_TOKEN_CHARS || token.length > MAX_TOKEN_CHARS) {
      throw bad(
        `${from} holds a token of ${token.length} characters: it must have ${MIN_TOKEN_CHARS} to ${MAX_TOKEN_CHARS}, as those of openssl rand -hex 32`,
      );
    }
    // The character itself is not shown: it is part of a secret.
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw bad(`${from} holds a token with a space or a character outside ASCII: use letters and digits`);
    }
  }
  return tokens;
}

/**
 * The tokens of a file, at each call as it is now, to the second: it may be replaced while the process runs.
 * @returns a function that throws WireError `bad-credentials` naming the file
 */
export function tokenFile(file: string): () => readonly string[] {
  let known: { readonly tokens: readonly string[]; readonly readAtMs: number } | undefined;
  return () => {
    const nowMs = performance.now();
    if (known === undefined || nowMs - known.readAtMs >= REREAD_MS) {
      known = { tokens: parseTokens(readToken(file), `token file ${file}`), readAtMs: nowMs };
    }
    return known.tokens;
  };
}

/**
 * @returns a line about who else can read the file; undefined when only its owner and its group can: a secret that
 *   Kubernetes mounts belongs to root, and the group is how the pod reads it
 */
export function tokenFileWarning(file: string): string | undefined {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o007) === 0) return undefined;
  return `token file ${file} can be read by others: chmod 600 ${file}`;
}

/** The value of the `authorization` header. */
export function bearer(token: string): string {
  return `${SCHEME}${token}`;
}

/** Whether a header shows an accepted token; takes the same time whichever of them it is not. */
export function showsToken(header: unknown, accepted: readonly string[]): boolean {
  const shown = typeof header === 'string' && header.startsWith(SCHEME) ? header.slice(SCHEME.length) : '';
  const digest = sha256(shown);
  return accepted.map((token) => timingSafeEqual(digest, sha256(token))).includes(true);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw bad(`token file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

function bad(message: string, cause?: unknown): WireError {
  return new WireError('bad-credentials', message, { cause });
}
