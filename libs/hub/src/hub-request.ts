import { HubError } from './hub-error.ts';
import { explainStatus, nameOf, type Subject } from './hub-answer.ts';
import type { HubSettings } from './hub-settings.ts';
import { MAX_JSON_REPLY_BYTES, MAX_LISTING_PAGES, MAX_REDIRECTS } from './limits.ts';
import { TransientFailure, withRetries, type Patience } from './retries.ts';

const MAX_SHOWN_REASON_LENGTH = 80;

/** A hub and how to deal with it. */
export interface Hub {
  readonly settings: HubSettings;
  readonly patience: Patience;
}

/** Ends a request that brings nothing for too long. */
export interface IdleLimit {
  readonly signal: AbortSignal;
  /** Something has arrived. */
  touch(): void;
  stop(): void;
}

/** Starts the clock of one request. */
export function startIdleLimit(idleMs: number, subject: Subject): IdleLimit {
  const controller = new AbortController();
  const failure = (): void =>
    controller.abort(
      new TransientFailure(`${nameOf(subject)}: the server sends nothing for ${idleMs / 1000} s`),
    );
  const timer = setTimeout(failure, idleMs);
  return { signal: controller.signal, touch: () => void timer.refresh(), stop: () => clearTimeout(timer) };
}

/** The answer after redirects, and the hash of the file as the hub itself announces it, where it does. */
export interface HubResponse {
  readonly response: Response;
  readonly announcedHash: string | null;
}

/**
 * Sends one GET and follows redirects. The token goes to the endpoint's own origin only, never to the host of a
 * content network that a redirect leads to.
 * @param file for messages; null for the repository itself
 * @throws HubError, TransientFailure for anything but a success or 416
 */
export async function get(
  address: string,
  headers: Readonly<Record<string, string>>,
  hub: Hub,
  subject: Subject,
  file: string | null,
  signal: AbortSignal,
): Promise<HubResponse> {
  const { settings } = hub;
  const ownOrigin = new URL(settings.endpoint).origin;
  let url = parseAddress(address, null, subject);
  let announcedHash: string | null = null;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const own = url.origin === ownOrigin;
    const sent = new Headers(headers);
    if (own && settings.token !== null) sent.set('authorization', `Bearer ${settings.token}`);
    const response = await send(url, sent, subject, signal);
    if (own) announcedHash = hashIn(response.headers) ?? announcedHash;
    const location = response.headers.get('location');
    if (response.ok || response.status === 416) return { response, announcedHash };
    await response.body?.cancel();
    if (response.status < 300 || response.status > 399 || location === null) {
      throw explainStatus(response, subject, file, settings);
    }
    url = parseAddress(location, url, subject);
  }
  throw new HubError(
    'network',
    `${nameOf(subject)}: the server redirects more than ${MAX_REDIRECTS} times: check HF_ENDPOINT and any proxy`,
  );
}

async function send(url: URL, headers: Headers, subject: Subject, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, redirect: 'manual', signal });
  } catch (error) {
    throw asTransient(error, subject, url.host);
  }
}

/** Foreign errors are not quoted beyond their code: they may hold a signed address. */
export function asTransient(error: unknown, subject: Subject, host: string): Error {
  if (error instanceof HubError || error instanceof TransientFailure) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code =
    (cause as NodeJS.ErrnoException | null)?.code ??
    (cause as Error | null)?.message?.slice(0, MAX_SHOWN_REASON_LENGTH) ??
    'no reason given';
  return new TransientFailure(`${nameOf(subject)}: the connection to ${host} failed (${code})`, {
    cause: error,
  });
}

function parseAddress(text: string, base: URL | null, subject: Subject): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new HubError(
      'network',
      `${nameOf(subject)}: the server leads to what is no web address: check HF_ENDPOINT and any proxy`,
    );
  }
  return url;
}

/** The bytes of an answer as they come. */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body !== null) yield* response.body as AsyncIterable<Uint8Array>;
}

/** A git blob's SHA-1 or an LFS object's SHA-256; other servers use the header for other things. */
function hashIn(headers: Headers): string | null {
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) ? etag : null;
}

/** A `fetch` for the functions of `@huggingface/hub` that read JSON: bounded in size, time, pages and tries. */
export function jsonFetch(hub: Hub, subject: Subject): typeof fetch {
  let pages = 0;
  return async (input) => {
    if (++pages > MAX_LISTING_PAGES) {
      throw new HubError(
        'limit',
        `${nameOf(subject)}: the server lists its files in more than ${MAX_LISTING_PAGES} pages: download what you need with the hf command`,
      );
    }
    const address = input instanceof Request ? input.url : input.toString();
    return withRetries(() => readReply(address, hub, subject), hub.patience);
  };
}

async function readReply(address: string, hub: Hub, subject: Subject): Promise<Response> {
  const idle = startIdleLimit(hub.patience.idleMs, subject);
  const signal = AbortSignal.any([idle.signal, AbortSignal.timeout(hub.patience.replyMs)]);
  try {
    const { response } = await get(address, { accept: 'application/json' }, hub, subject, null, signal);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of bodyOf(response)) {
      idle.touch();
      bytes += chunk.length;
      if (bytes > MAX_JSON_REPLY_BYTES) {
        throw new HubError(
          'limit',
          `${nameOf(subject)}: a reply of the server is over ${MAX_JSON_REPLY_BYTES} bytes: check that HF_ENDPOINT is a Hugging Face hub`,
        );
      }
      chunks.push(chunk);
    }
    const link = response.headers.get('link');
    return new Response(Buffer.concat(chunks), { headers: link === null ? {} : { link } });
  } catch (error) {
    throw asTransient(error, subject, new URL(hub.settings.endpoint).host);
  } finally {
    idle.stop();
  }
}
