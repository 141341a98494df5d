import { isIPv4 } from 'node:net';
import { WireError } from './wire-error.ts';

/** Where a coordinator listens. The host is a name, an IPv4 address, or an IPv6 address without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port` or `[::1]:port`.
 * @throws WireError `bad-address` naming the text and what is wrong with it
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const shown = JSON.stringify(text.slice(0, 100));
  if (!match) {
    throw new WireError(
      'bad-address',
      `${shown} is not an address: write host:port, e.g. node-7:7600 or [::1]:7600, without a scheme or a path`,
    );
  }
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) {
    throw new WireError('bad-address', `${shown} names port ${port}: a port to dial is from 1 to 65535`);
  }
  return { host: match[1] ?? match[2], port };
}

/**
 * Reads where to listen: `host:port`, `[ipv6]:port`, or a port alone, which means any address of the machine; port 0 is any
 * free one.
 * @returns undefined where the text is none of them
 */
export function parseListenAddress(text: string): Address | undefined {
  const match = /^(?:(?<host>[^:]+|\[[^\]]+\]):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (!match || port > 65_535) return undefined;
  return { host: match.groups?.host?.replace(/^\[(.*)\]$/, '$1') ?? '0.0.0.0', port };
}

/** The text form that `parseAddress` reads. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether a host is this machine, whatever its network: what is said to it leaves no machine. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIPv4(host) && host.startsWith('127.');
}
