import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/*
 * A server on 127.0.0.1 that speaks the file API of the Hugging Face hub over a folder of files, and a second one
 * in the place of its content network. `<folder>/models/org/name/...` and `<folder>/datasets/org/name/...` are the
 * repositories, each with one commit that follows from its content. As on the hub, large kinds of files are LFS
 * objects, named by their SHA-256 and served by the content network; others are git blobs, named by their SHA-1.
 */

/** A request as it arrived; `host` says at which of the two servers. */
export interface HubRequest {
  readonly host: 'hub' | 'cdn';
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** What a server does instead of the right thing. */
export type HubMisdeed =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** Closes the connection in the middle of a file. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly ignoresRange?: boolean }
  /** Sends no more, and keeps the connection. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'ignore-range' }
  /** Answers 200 with these bytes. */
  | { readonly kind: 'reply'; readonly body: string | Buffer; readonly headers?: Record<string, string> }
  /** Sends bytes for ever, as fast as they go or one at a time. */
  | { readonly kind: 'endless'; readonly everyMs?: number };

/** A misdeed at the next `times` requests (1 unless said) whose path contains `at`. */
export type HubFault = HubMisdeed & { readonly at: string; readonly times?: number };

export interface HubStandInOptions {
  /** Names for the commit beside `main`. */
  readonly revisions?: readonly string[];
  /** What a request must bear; without it everything is public. */
  readonly token?: string;
  /** Entries of one page of a listing. */
  readonly pageSize?: number;
  /** 0 for any. */
  readonly port?: number;
}

export interface HubStandIn {
  readonly endpoint: string;
  readonly requests: readonly HubRequest[];
  /** Bytes of files sent so far, without replies of the API. */
  readonly sentBytes: number;
  fault(fault: HubFault): void;
  /** The commit of `models/org/name` or `datasets/org/name`. */
  commitOf(repository: string): string;
  close(): Promise<void>;
}

interface StoredFile {
  readonly path: string;
  readonly content: Buffer;
  readonly lfs: boolean;
  readonly etag: string;
}

const LFS_EXTENSION = /\.(safetensors|bin|gguf|parquet|gz|zst)$/;
const API = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/;
const RESOLVE = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;
const RESOLVE_CACHE = /^\/api\/resolve-cache\/(models|datasets)\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/;
const DEFAULT_PAGE_SIZE = 1000;

/** Starts both servers; `folder` is read anew at each request. */
export async function startHubStandIn(folder: string, options: HubStandInOptions = {}): Promise<HubStandIn> {
  const requests: HubRequest[] = [];
  const faults: { fault: HubFault; left: number }[] = [];
  const counter = { sentBytes: 0 };
  const hub = createServer();
  const cdn = createServer();
  const endpoint = await listen(hub, options.port ?? 0);
  const cdnEndpoint = await listen(cdn, 0);

  const serve = (host: HubRequest['host'], request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', endpoint);
    const { authorization, range } = request.headers;
    requests.push({ host, method: request.method ?? '', path: request.url ?? '', authorization, range });
    const index = faults.findIndex(
      ({ fault, left }) => left > 0 && `${host} ${decodeURI(url.pathname)}`.includes(fault.at),
    );
    const misdeed = index < 0 ? null : faults[index].fault;
    if (index >= 0) faults[index].left--;
    const send: Send = { request, response, misdeed, counter };
    if (misdeed?.kind === 'status') return reply(send, misdeed.status, '', misdeed.headers);
    if (misdeed?.kind === 'reply') return reply(send, 200, misdeed.body, misdeed.headers);
    if (misdeed?.kind === 'endless') return sendForEver(response, misdeed.everyMs);
    if (host === 'cdn')
      return sendFile(send, readFileSync(path.join(folder, decodeURIComponent(url.pathname))), {});
    answer(send, url, { folder, options, endpoint, cdnEndpoint });
  };
  hub.on('request', (request: IncomingMessage, response: ServerResponse) => serve('hub', request, response));
  cdn.on('request', (request: IncomingMessage, response: ServerResponse) => serve('cdn', request, response));

  return {
    endpoint,
    requests,
    get sentBytes() {
      return counter.sentBytes;
    },
    fault: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    commitOf: (repository) => commitOf(readRepository(path.join(folder, repository))),
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Send {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly misdeed: HubMisdeed | null;
  readonly counter: { sentBytes: number };
}

interface Site {
  readonly folder: string;
  readonly options: HubStandInOptions;
  readonly endpoint: string;
  readonly cdnEndpoint: string;
}

function answer(send: Send, url: URL, site: Site): void {
  const { token } = site.options;
  const { authorization } = send.request.headers;
  if (token !== undefined && authorization !== `Bearer ${token}`) {
    return reply(send, authorization === undefined ? 401 : 403, '', { 'x-error-code': 'GatedRepo' });
  }
  const pathname = decodeURI(url.pathname);
  const api = API.exec(url.pathname);
  const file = RESOLVE.exec(pathname) ?? RESOLVE_CACHE.exec(pathname);
  if (!api && !file) return reply(send, 404, '');
  const kind = api?.[1] ?? (file?.[1] ? 'datasets' : 'models');
  const id = api?.[2] ?? file?.[2] ?? '';
  const stored = path.join(site.folder, file?.[1] === 'models' ? 'models' : kind, id);
  if (!existsSync(stored)) {
    return authorization === undefined
      ? reply(send, 401, '', { 'x-error-message': 'Invalid username or password.' })
      : reply(send, 404, '', { 'x-error-code': 'RepoNotFound' });
  }
  const files = readRepository(stored);
  const commit = commitOf(files);
  const revision = decodeURIComponent(api?.[4] ?? file?.[3] ?? '');
  if (![commit, 'main', ...(site.options.revisions ?? [])].includes(revision)) {
    return reply(send, 404, '', { 'x-error-code': 'RevisionNotFound' });
  }
  if (api?.[3] === 'revision') return sendInfo(send, id, commit, files);
  if (api) return sendTree(send, url, files, site);
  const wanted = files.find((one) => one.path === file![4]);
  const commitHeader = { 'x-repo-commit': commit };
  if (!wanted) return reply(send, 404, '', { ...commitHeader, 'x-error-code': 'EntryNotFound' });
  if (pathname.startsWith('/api/')) {
    return sendFile(send, wanted.content, { ...commitHeader, etag: `"${wanted.etag}"` });
  }
  const relative = path.relative(site.folder, path.join(stored, wanted.path));
  const location = wanted.lfs
    ? `${site.cdnEndpoint}/${encodeURIComponent(relative)}?signature=secret`
    : `/api/resolve-cache/${kind}/${id}/${commit}/${encodeURI(wanted.path)}`;
  return reply(send, wanted.lfs ? 302 : 307, '', {
    ...commitHeader,
    location,
    'x-linked-etag': `"${wanted.etag}"`,
    'x-linked-size': String(wanted.content.length),
  });
}

function sendInfo(send: Send, id: string, commit: string, files: readonly StoredFile[]): void {
  const siblings = files.map((file) => ({ rfilename: file.path }));
  const lastModified = '2024-01-01T00:00:00.000Z';
  const counts = { downloads: 0, likes: 0, tags: [] };
  sendJson(send, {
    _id: '1',
    id,
    sha: commit,
    private: false,
    gated: false,
    lastModified,
    siblings,
    ...counts,
  });
}

function sendTree(send: Send, url: URL, files: readonly StoredFile[], { options, endpoint }: Site): void {
  const folders = new Set(files.map((file) => path.posix.dirname(file.path)).filter((name) => name !== '.'));
  const entries = [
    ...[...folders].map((name) => ({ type: 'directory', oid: sha1(name), size: 0, path: name })),
    ...files.map(entryOf),
  ];
  const shown =
    url.searchParams.get('recursive')?.toLowerCase() === 'true'
      ? entries
      : entries.filter((entry) => !entry.path.includes('/'));
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const end = start + (options.pageSize ?? DEFAULT_PAGE_SIZE);
  const next = new URL(url.pathname + url.search, endpoint);
  next.searchParams.set('cursor', String(end));
  sendJson(send, shown.slice(start, end), end < shown.length ? { link: `<${next.href}>; rel="next"` } : {});
}

function entryOf({ path: name, content, lfs, etag }: StoredFile): { path: string } & Record<string, unknown> {
  const size = content.length;
  return {
    type: 'file',
    path: name,
    size,
    oid: lfs ? sha1(`pointer to ${etag}`) : etag,
    ...(lfs && { lfs: { oid: etag, size, pointerSize: 134 } }),
  };
}

function sendJson(send: Send, value: unknown, headers: Record<string, string> = {}): void {
  reply(send, 200, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
}

function reply(
  { response }: Send,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}

function sendFile(send: Send, content: Buffer, headers: Record<string, string>): void {
  const { request, response, misdeed, counter } = send;
  const ignoresRange =
    misdeed?.kind === 'ignore-range' || (misdeed?.kind === 'cut' && misdeed.ignoresRange === true);
  const from = ignoresRange ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const start = Number(from ?? 0);
  if (start > 0 && start >= content.length) return reply(send, 416, '');
  const body = content.subarray(start);
  response.writeHead(from === undefined ? 200 : 206, {
    ...headers,
    'content-length': body.length,
    'accept-ranges': 'bytes',
    ...(from !== undefined && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  if (request.method === 'HEAD') return void response.end();
  const sent =
    misdeed?.kind === 'cut' || misdeed?.kind === 'stall' ? body.subarray(0, misdeed.afterBytes) : body;
  counter.sentBytes += sent.length;
  if (misdeed?.kind === 'cut') return void response.write(sent, () => response.destroy());
  if (misdeed?.kind === 'stall') return void response.write(sent);
  response.end(sent);
}

function sendForEver(response: ServerResponse, everyMs: number | undefined): void {
  response.writeHead(200);
  if (everyMs !== undefined) {
    const timer = setInterval(() => response.write(' '), everyMs);
    response.on('close', () => clearInterval(timer));
    return;
  }
  const block = Buffer.alloc(2 ** 16);
  const more = (): void => {
    while (!response.destroyed && response.write(block));
  };
  response.on('drain', more);
  more();
}

function readRepository(folder: string): StoredFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(path.join(folder, name)).isFile())
    .sort()
    .map((name) => {
      const content = readFileSync(path.join(folder, name));
      const lfs = LFS_EXTENSION.test(name);
      const etag = lfs
        ? createHash('sha256').update(content).digest('hex')
        : sha1(Buffer.concat([Buffer.from(`blob ${content.length}\0`), content]));
      return { path: name.split(path.sep).join('/'), content, lfs, etag };
    });
}

function commitOf(files: readonly StoredFile[]): string {
  return sha1(files.map((file) => `${file.path} ${file.etag}`).join('\n'));
}

function sha1(data: string | Buffer): string {
  return createHash('sha1').update(data).digest('hex');
}
