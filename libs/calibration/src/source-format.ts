import { basename } from 'node:path';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What the extension of a calibration file says. */
export interface SourceFormat {
  readonly kind: 'text' | 'json-array' | 'json-lines' | 'parquet';
  readonly compression: Compression;
}

const KINDS: Readonly<Record<string, SourceFormat['kind']>> = {
  '.txt': 'text',
  '.md': 'text',
  '.json': 'json-array',
  '.jsonl': 'json-lines',
  '.ndjson': 'json-lines',
  '.parquet': 'parquet',
};

const COMPRESSIONS: Readonly<Record<string, Compression>> = { '.gz': 'gzip', '.zst': 'zstd' };

/** Every extension of a calibration file, in lower case, the compressed forms included. */
export const KNOWN_EXTENSIONS: readonly string[] = Object.keys(KINDS).flatMap((extension) => [
  extension,
  ...Object.keys(COMPRESSIONS).map((compressed) => extension + compressed),
]);

/** The known extensions for a message. */
export const EXTENSIONS_IN_WORDS = `${Object.keys(KINDS).join(', ')}, each also with ${Object.keys(COMPRESSIONS).join(' or ')} behind it`;

/** The format a file name stands for, in whatever case its extension is, or null for one that is not known. */
export function formatOf(path: string): SourceFormat | null {
  const extension = extensionOf(path);
  const compressed = Object.keys(COMPRESSIONS).find((suffix) => extension.endsWith(suffix));
  const kind = KINDS[compressed === undefined ? extension : extension.slice(0, -compressed.length)];
  if (kind === undefined) return null;
  return { kind, compression: compressed === undefined ? 'none' : COMPRESSIONS[compressed] };
}

/** The extension in lower case, two of them where the last one is of a compressed file; empty without one. */
export function extensionOf(path: string): string {
  return /(?:\.[^.]*)?\.(?:gz|zst)$|\.[^.]*$/.exec(basename(path).toLowerCase())?.[0] ?? '';
}
