import {
  dialParameters,
  isLoopback,
  parseAddress,
  parseTokens,
  tokenFile,
  tokenFileWarning,
  type Address,
  type ClientSecurity,
} from '@blockpruner/wire';
import type { GivenOptions } from './given-options.ts';
import { WorkerUsageError } from './usage-error.ts';

/** For `parseArgs`. */
export const SECURITY_FLAGS = {
  tls: { type: 'boolean' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-server-name': { type: 'string' },
  'token-file': { type: 'string' },
  insecure: { type: 'boolean' },
} as const;

export const SECURITY_HELP = `\
  --tls                   dial by TLS and trust the authorities of this machine (env BLOCKPRUNER_TLS)
  --tls-ca <file>         dial by TLS and trust these authorities, PEM (env BLOCKPRUNER_TLS_CA)
  --tls-cert <file>       the worker's own certificate, PEM, for a coordinator with --tls-client-ca (env BLOCKPRUNER_TLS_CERT)
  --tls-key <file>        private key of --tls-cert, PEM (env BLOCKPRUNER_TLS_KEY)
  --tls-server-name <name>  name in the coordinator's certificate, where it is not the host that is dialled (env BLOCKPRUNER_TLS_SERVER_NAME)
  --token-file <file>     token for a coordinator with --token-file; or set BLOCKPRUNER_TOKEN to it (env BLOCKPRUNER_TOKEN_FILE)
  --insecure              dial another machine without TLS (env BLOCKPRUNER_INSECURE)`;

type SecurityFlags = { readonly [Name in keyof typeof SECURITY_FLAGS]?: string | boolean };

/**
 * How the coordinator is to be dialled. Reads every file once, so that one that cannot be used is said at the start.
 * @param token of BLOCKPRUNER_TOKEN
 * @throws WorkerUsageError for an address that cannot be read, a file that cannot be used, or another machine that
 *   would be dialled without TLS
 */
export function parseSecurity(
  connect: string,
  given: GivenOptions<SecurityFlags>,
  token: string | undefined,
): { security: ClientSecurity; warnings: string[] } {
  const address = usable('--connect: ', () => parseAddress(connect));
  const caFile = given.text('tls-ca');
  const certFile = given.text('tls-cert');
  const keyFile = given.text('tls-key');
  const serverName = given.text('tls-server-name');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [one, other] = certFile === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
    throw new WorkerUsageError(`${one} needs ${other} too`);
  }
  const hasTls = given.isOn('tls') || [caFile, certFile, serverName].some((value) => value !== undefined);
  if (hasTls && given.isOn('insecure')) {
    throw new WorkerUsageError('--insecure means no TLS: leave it out, or the options that begin with --tls');
  }
  requireTls(connect, address, hasTls || given.isOn('insecure'));
  const file = given.text('token-file');
  const security: ClientSecurity = {
    tls: hasTls ? { caFile, certFile, keyFile, serverName } : undefined,
    token: tokenOf(file, token),
  };
  usable('', () => dialParameters(address, security));
  const warning = file === undefined ? undefined : tokenFileWarning(file);
  return { security, warnings: warning === undefined ? [] : [warning] };
}

function requireTls(connect: string, { host }: Address, isSettled: boolean): void {
  if (isSettled || isLoopback(host)) return;
  throw new WorkerUsageError(
    `--connect ${connect} without TLS would show token and work to the network: give --tls-ca with the coordinator's certificate, --tls to trust the authorities of this machine, or --insecure on a network you trust`,
  );
}

/** The first of several: a coordinator's file may be used as it is. */
function tokenOf(file: string | undefined, token: string | undefined): ClientSecurity['token'] {
  if (file !== undefined) {
    const tokens = tokenFile(file);
    return () => tokens()[0];
  }
  return token === undefined ? undefined : () => parseTokens(token, 'BLOCKPRUNER_TOKEN')[0];
}

function usable<T>(prefix: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new WorkerUsageError(`${prefix}${(error as Error).message}`);
  }
}
