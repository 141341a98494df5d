import { UsageError } from './usage-error.ts';

/**
 * Reads `--listen` and its like: `host:port`, `[ipv6]:port`, or a port alone, which means any address of the machine.
 * @throws UsageError naming what was given
 */
export function parseListen(listen: string, option = '--listen'): { host: string; port: number } {
  const match = /^(?:(?<host>[^:]+|\[[^\]]+\]):)?(?<port>\d{1,5})$/.exec(listen);
  const port = Number(match?.groups?.port);
  if (!match || port > 65_535) {
    throw new UsageError(`${option} must be host:port, e.g. 0.0.0.0:50051, or a port alone; got "${listen}"`);
  }
  return { host: match.groups?.host?.replace(/^\[(.*)\]$/, '$1') ?? '0.0.0.0', port };
}
