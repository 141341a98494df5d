import { lookup } from 'node:dns/promises';
import type { Server } from '@grpc/grpc-js';
import { formatAddress } from './address.ts';
import { serverCredentials } from './credentials.ts';
import { cutReason } from './validate.ts';
import { WireError } from './wire-error.ts';

/**
 * Has a server listen on one address of the host.
 * @param port 0 for any free one
 * @returns the port that was bound
 * @throws WireError `port-in-use`, or `cannot-listen` for a host or port that cannot be bound
 */
export async function bindServer(server: Server, host: string, port: number): Promise<number> {
  const at = formatAddress({ host, port });
  if (host === '')
    throw new WireError('cannot-listen', `cannot listen on ${at}: the host is empty; 0.0.0.0 is any`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new WireError('cannot-listen', `cannot listen on ${at}: a port is from 0 (any free one) to 65535`);
  }
  try {
    // One address: of a name with several, gRPC would take those that are free and say nothing of the rest.
    const { address } = await lookup(host);
    return await new Promise((resolve, fail) => {
      server.bindAsync(formatAddress({ host: address, port }), serverCredentials(), (error, bound) => {
        if (error) fail(error);
        else resolve(bound);
      });
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if (detail.includes('EADDRINUSE')) {
      throw new WireError('port-in-use', `${at} is in use: choose another port, or port 0 for any free one`, {
        cause: error,
      });
    }
    throw new WireError('cannot-listen', cutReason(`cannot listen on ${at}: ${detail}`), { cause: error });
  }
}
