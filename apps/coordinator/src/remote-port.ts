import {
  checkServerTls,
  isLoopback,
  parseTokens,
  tokenFile,
  tokenFileWarning,
  WireError,
  type ServerSecurity,
} from '@blockpruner/wire';
import type { ArtifactGuard } from './artifact-message.ts';
import { parseListen } from './listen-address.ts';
import { UsageError } from './usage-error.ts';

/** The options of the port for workers of other machines. */
export interface RemotePortSettings {
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly tokenFile?: string;
  readonly insecure?: boolean;
}

/** A port for workers of other machines, and who is let in. */
export interface RemotePort {
  readonly host: string;
  readonly port: number;
  readonly security: ServerSecurity;
  /** The same, in a form that can be sent to another process. */
  readonly guard: ArtifactGuard;
  /** What a worker must be started with beside `--connect`; what the user has to fill in stands in <>. */
  readonly workerFlags: readonly string[];
  /** What is risky about it. */
  readonly warnings: readonly string[];
}

/**
 * Turns `--listen` and what guards it into a plan, once every file of it was read.
 * @param environment where a token may be
 * @returns null without `--listen`
 * @throws UsageError for a port that would be open to a network, or a file that cannot be used
 */
export function planRemotePort(
  settings: RemotePortSettings,
  environment: NodeJS.ProcessEnv,
): RemotePort | null {
  const { listen, tokenFile: file, insecure = false } = settings;
  if (listen === undefined) return null;
  const { host, port } = parseListen(listen);
  const security = { tls: tlsOf(settings), tokens: tokensOf(file, environment.BLOCKPRUNER_TOKEN) };
  checkFiles(security);
  if (!isLoopback(host) && !insecure) requireGuard(listen, security);
  const warning = file === undefined ? undefined : tokenFileWarning(file);
  return {
    host,
    port,
    security,
    guard: {
      tls: security.tls ?? null,
      tokenFile: file ?? null,
      tokens: file === undefined ? (security.tokens?.() ?? null) : null,
    },
    workerFlags: workerFlags(host, security),
    warnings: warning === undefined ? [] : [warning],
  };
}

function tlsOf({ tlsCert, tlsKey, tlsClientCa }: RemotePortSettings): ServerSecurity['tls'] {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return { certFile: tlsCert, keyFile: tlsKey, clientCaFile: tlsClientCa };
  }
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined;
  const [given, missing] =
    tlsCert !== undefined
      ? [`--tls-cert ${tlsCert}`, '--tls-key']
      : tlsKey !== undefined
        ? [`--tls-key ${tlsKey}`, '--tls-cert']
        : [`--tls-client-ca ${tlsClientCa}`, '--tls-cert and --tls-key'];
  throw new UsageError(`${given} needs ${missing} too`);
}

function tokensOf(file: string | undefined, token: string | undefined): ServerSecurity['tokens'] {
  if (file !== undefined) return tokenFile(file);
  return token === undefined ? undefined : () => parseTokens(token, 'BLOCKPRUNER_TOKEN');
}

function checkFiles({ tls, tokens }: ServerSecurity): void {
  try {
    if (tls) checkServerTls(tls);
    tokens?.();
  } catch (error) {
    throw error instanceof WireError ? new UsageError(error.message) : error;
  }
}

function requireGuard(listen: string, { tls, tokens }: ServerSecurity): void {
  if (tls === undefined) {
    throw new UsageError(
      `--listen ${listen} without TLS would be open to the network: give --tls-cert and --tls-key with --token-file or --tls-client-ca (docs/security.md), listen on 127.0.0.1, or add --insecure on a network you trust`,
    );
  }
  if (tokens === undefined && tls.clientCaFile === undefined) {
    throw new UsageError(
      `--listen ${listen} would let in whoever reaches it: give --token-file or --tls-client-ca (docs/security.md), or add --insecure on a network you trust`,
    );
  }
}

function workerFlags(host: string, { tls, tokens }: ServerSecurity): string[] {
  return [
    ...(tls ? ['--tls-ca <ca.crt>'] : isLoopback(host) ? [] : ['--insecure']),
    ...(tls?.clientCaFile === undefined ? [] : ['--tls-cert <worker.crt> --tls-key <worker.key>']),
    ...(tokens === undefined ? [] : ['--token-file <token>']),
  ];
}
