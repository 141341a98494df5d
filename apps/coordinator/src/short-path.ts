import { relative } from 'node:path';

/** How a path below the current folder is best typed; any other stays absolute. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path) || '.';
  return short.startsWith('..') ? path : short;
}
