import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { readAuthorities, readIdentity, type Identity } from './certificate-files.ts';
import type { ServerTls } from './security.ts';
import { WireError } from './wire-error.ts';

/** The files are looked at when a connection comes, this long after they were looked at last. */
const REREAD_MS = 1000;

export interface ListenerHandlers {
  /** A TCP connection, before anything was read from it. */
  onConnection(socket: Socket): void;
  /** A connection to speak HTTP/2 on: with TLS, after its handshake. */
  onReady(socket: Socket): void;
  /** A handshake that failed. */
  onRefused(peer: string, reason: string): void;
  /** New files that cannot be used, told once; the old ones stay in use. */
  onBadFiles(reason: string): void;
}

/**
 * A TCP server that does not listen yet, with TLS or without.
 * @throws WireError `bad-credentials` naming the file that cannot be used
 */
export function createListener(
  tls: ServerTls | undefined,
  handshakeTimeoutMs: number,
  handlers: ListenerHandlers,
): Server {
  if (tls === undefined) {
    return createServer({ noDelay: true }, (socket) => {
      handlers.onConnection(socket);
      handlers.onReady(socket);
    });
  }
  let files = readFiles(tls);
  let lookedAtMs = performance.now();
  let toldReason: string | undefined;
  const server = createTlsServer({
    ...files,
    noDelay: true,
    ALPNProtocols: ['h2'],
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: tls.clientCaFile !== undefined,
    rejectUnauthorized: true,
  });
  const lookAtFiles = (): void => {
    if (performance.now() - lookedAtMs < REREAD_MS) return;
    lookedAtMs = performance.now();
    try {
      const now = readFiles(tls);
      toldReason = undefined;
      if (isSame(now, files)) return;
      server.setSecureContext(now);
      files = now;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.message !== toldReason) handlers.onBadFiles(error.message);
      toldReason = error.message;
    }
  };
  // Before the listener of TLS itself, which begins the handshake with what is set then.
  server.prependListener('connection', (socket: Socket) => {
    lookAtFiles();
    handlers.onConnection(socket);
  });
  server.on('secureConnection', (socket: TLSSocket) => handlers.onReady(socket));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const reason = refusalReason(error, socket);
    if (reason !== null) handlers.onRefused(socket.remoteAddress ?? 'a peer', reason);
  });
  return server;
}

/**
 * Reads the files of a port once, to find out before it is opened whether they can be used.
 * @throws WireError `bad-credentials` naming the file that cannot
 */
export function checkServerTls(tls: ServerTls): void {
  readFiles(tls);
}

interface Files extends Identity {
  readonly ca?: Buffer;
}

function readFiles({ certFile, keyFile, clientCaFile }: ServerTls): Files {
  const identity = readIdentity(certFile, keyFile);
  return clientCaFile === undefined ? identity : { ...identity, ca: readAuthorities(clientCaFile) };
}

function isSame(a: Files, b: Files): boolean {
  return a.cert.equals(b.cert) && a.key.equals(b.key) && (a.ca?.equals(b.ca ?? a.cert) ?? true);
}

/** @returns null for a peer that just went away, as a probe of the port does */
function refusalReason(error: NodeJS.ErrnoException, socket: TLSSocket): string | null {
  // Node ends the connection of a client whose certificate it does not accept, and leaves the reason here.
  const { authorizationError } = socket as unknown as { authorizationError: string | null };
  if (authorizationError !== null) return `its certificate is not accepted: ${authorizationError}`;
  if (error.code === 'ECONNRESET') return null;
  return REFUSALS[error.code ?? ''] ?? `its TLS handshake failed: ${error.code ?? error.message}`;
}

const REFUSALS: Partial<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it shows no certificate, and --tls-client-ca demands one',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS, and this port speaks nothing else',
  ERR_SSL_HTTP_REQUEST: 'it speaks no TLS, and this port speaks nothing else',
};
