import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { MetricsRegistry } from '@blockpruner/telemetry';
import { formatAddress, listenError, type Address } from '@blockpruner/wire';
import type { Readiness } from './readiness.ts';

/** A scrape is a request of a few hundred bytes. */
const MAX_HEADER_BYTES = 8192;
const REQUEST_TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Listens for `GET /metrics`, which Prometheus scrapes, and `GET /readyz`, which says in one line why the process is not
 * ready. Neither TLS nor a token: it is for a network of one's own.
 * @returns the server, and the port that was bound
 * @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound
 */
export async function listenForScrapes(
  address: Address,
  metrics: MetricsRegistry,
  readiness: Readiness,
): Promise<{ server: Server; port: number }> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
    },
    (request, response) => {
      answer(request, metrics, readiness).then(
        (given) => send(response, given),
        (error: Error) => send(response, plain(500, error.message)),
      );
    },
  );
  await new Promise<void>((resolve, fail) => {
    server.once('error', (error) => fail(listenError(formatAddress(address), error)));
    server.listen(address, resolve);
  });
  return { server, port: (server.address() as { port: number }).port };
}

async function answer(
  { method, url }: IncomingMessage,
  metrics: MetricsRegistry,
  readiness: Readiness,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD')
    return plain(405, `${method} is not served: GET /metrics or /readyz`);
  switch ((url ?? '').replace(/\?.*/, '')) {
    case '/metrics':
      return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
    case '/readyz':
      return readiness.isReady ? plain(200, 'ok') : plain(503, readiness.reason ?? '');
    default:
      return plain(404, 'there are /metrics and /readyz');
  }
}

function plain(status: number, line: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
