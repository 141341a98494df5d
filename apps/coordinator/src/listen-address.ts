import { parseListenAddress, type Address } from '@blockpruner/wire';
import { UsageError } from './usage-error.ts';

/**
 * Reads `--listen` and its like: `host:port`, `[ipv6]:port`, or a port alone, which means any address of the machine.
 * @throws UsageError naming what was given
 */
export function parseListen(listen: string, option = '--listen'): Address {
  const address = parseListenAddress(listen);
  if (address === undefined) {
    throw new UsageError(`${option} must be host:port, e.g. 0.0.0.0:50051, or a port alone; got "${listen}"`);
  }
  return address;
}
