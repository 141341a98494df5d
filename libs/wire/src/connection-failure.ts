import { status } from '@grpc/grpc-js';
import type { ClientSecurity } from './security.ts';

interface Explanation {
  readonly pattern: RegExp;
  readonly explain: (security: ClientSecurity) => string;
}

const BROKEN_OFF: Explanation = {
  pattern: /^Connection dropped$/,
  explain: () => 'the connection broke off, or nothing came through it for half a minute',
};

const WITH_TLS: readonly Explanation[] = [
  BROKEN_OFF,
  {
    pattern: /wrong version number|packet length too long|unexpected message/i,
    explain: () =>
      'it speaks no TLS: start it with --tls-cert and --tls-key, or dial without TLS and with --insecure',
  },
  {
    pattern: /ERR_TLS_CERT_ALTNAME_INVALID|altnames/i,
    explain: ({ tls }) =>
      `its certificate is not for ${tls?.serverName ?? 'the host that was dialled'}: dial a host that it names, or give one of its names by --tls-server-name`,
  },
  {
    pattern: /certificate has expired/i,
    explain: () => "its certificate has expired: renew it on the coordinator's side",
  },
  {
    pattern: /certificate is not yet valid/i,
    explain: () => "its certificate is not valid yet: compare this machine's clock with the coordinator's",
  },
  {
    pattern: /unable to verify|self.signed certificate|unable to get (local )?issuer|certificate signature/i,
    explain: ({ tls }) =>
      `its certificate is of no authority in ${tls?.caFile ?? 'the list of this machine'}: give --tls-ca the certificate of the authority that signed it, or the certificate itself if it is self-signed`,
  },
  {
    pattern: /certificate required|handshake failure|bad certificate|unknown ca|certificate unknown/i,
    explain: refusedCertificate,
  },
  // With TLS 1.3 the coordinator looks at the worker's certificate when the worker is through with the handshake.
  { pattern: /Failed to connect|ECONNRESET|socket hang up|EPIPE/i, explain: closedAtOnce },
];

const WITHOUT_TLS: readonly Explanation[] = [
  BROKEN_OFF,
  {
    pattern: /Failed to connect|ECONNRESET|Protocol error|bad client magic/i,
    explain: () =>
      'it closes a plaintext connection at once: if it was started with --tls-cert, give --tls-ca here',
  },
];

/** What a status that ended an attempt means, in one line that says what to do. */
export function connectionFailure(code: status, details: string, security: ClientSecurity): string {
  const cause = details
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/\.? ?Resolution note: ?.*$/s, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)/, '')
    .trim();
  if (code !== status.UNAVAILABLE) return details;
  const known = (security.tls ? WITH_TLS : WITHOUT_TLS).find(({ pattern }) => pattern.test(cause));
  return known?.explain(security) ?? cause;
}

function refusedCertificate({ tls }: ClientSecurity): string {
  return tls?.certFile === undefined
    ? 'it demands a certificate of this worker: give --tls-cert and --tls-key'
    : `it does not accept the certificate in ${tls.certFile}: it must be signed by the coordinator's --tls-client-ca, and not be expired`;
}

function closedAtOnce(security: ClientSecurity): string {
  return `it ended the connection right after the handshake: ${
    security.tls?.certFile === undefined
      ? 'if it was started with --tls-client-ca, give --tls-cert and --tls-key'
      : refusedCertificate(security)
  }`;
}
