import { isIP } from 'node:net';
import { checkServerIdentity, getCACertificates } from 'node:tls';
import {
  credentials,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type VerifyOptions,
} from '@grpc/grpc-js';
import { bearer } from './access-token.ts';
import { formatAddress, type Address } from './address.ts';
import { readAuthorities, readIdentity } from './certificate-files.ts';
import { CLIENT_OPTIONS } from './channel-options.ts';
import type { ClientSecurity, ClientTls } from './security.ts';

/** What one attempt to connect takes: files and token as they are at this moment. */
export interface DialParameters {
  /** For gRPC's `Client`. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
  /** Of each call. */
  readonly metadata: Metadata;
}

/**
 * Reads what is needed to dial the coordinator now.
 * @throws WireError `bad-credentials` naming the file that cannot be used
 */
export function dialParameters(address: Address, { tls, token }: ClientSecurity): DialParameters {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', bearer(token()));
  const target = `dns:${formatAddress(address)}`;
  if (tls === undefined) {
    return { target, credentials: credentials.createInsecure(), options: CLIENT_OPTIONS, metadata };
  }
  const { options, verifyOptions } = serverIdentity(address, tls);
  const identity =
    tls.certFile === undefined || tls.keyFile === undefined ? null : readIdentity(tls.certFile, tls.keyFile);
  const authorities = tls.caFile === undefined ? trustedHere() : readAuthorities(tls.caFile);
  return {
    target,
    credentials: credentials.createSsl(
      authorities,
      identity?.key ?? null,
      identity?.cert ?? null,
      verifyOptions,
    ),
    options: { ...CLIENT_OPTIONS, ...options },
    metadata,
  };
}

function serverIdentity(
  { host }: Address,
  { serverName }: ClientTls,
): { options: ChannelOptions; verifyOptions: VerifyOptions } {
  if (serverName === undefined && isIP(host) === 0) return { options: {}, verifyOptions: {} };
  // An IP address is no TLS server name, and Node warns of one; the certificate must be for the address all the same.
  return {
    options: { 'grpc.ssl_target_name_override': serverName ?? 'ip-address.invalid' },
    verifyOptions: {
      checkServerIdentity: (_, certificate) => checkServerIdentity(serverName ?? host, certificate),
    },
  };
}

/** The authorities that Node brings along, and those of this machine. */
function trustedHere(): Buffer {
  return Buffer.from([...getCACertificates('default'), ...getCACertificates('system')].join('\n'));
}
