import { expect, test } from 'vitest';
import { extensionOf, formatOf, KNOWN_EXTENSIONS } from './source-format.ts';

test('a format follows from the extension, in whatever case', () => {
  expect(formatOf('/a/b.TXT')).toEqual({ kind: 'text', compression: 'none' });
  expect(formatOf('b.c.jsonl.gz')).toEqual({ kind: 'json-lines', compression: 'gzip' });
  expect(formatOf('b.ndjson.zst')).toEqual({ kind: 'json-lines', compression: 'zstd' });
  expect(formatOf('b.parquet')).toEqual({ kind: 'parquet', compression: 'none' });
});

test.each(['a', 'a.csv', 'a.gz', 'a.csv.gz', 'txt', '.gz', 'a.txt.gz.gz', 'a.txt/b'])(
  '%s has no known format',
  (path) => {
    expect(formatOf(path)).toBeNull();
  },
);

test('every known extension has a format', () => {
  expect(KNOWN_EXTENSIONS).toHaveLength(18);
  for (const extension of KNOWN_EXTENSIONS) expect(formatOf(`a${extension}`)).not.toBeNull();
});

test('the extension of a compressed file has two parts', () => {
  expect(['a.csv.gz', 'a.gz', 'a', 'a.b.CSV'].map(extensionOf)).toEqual(['.csv.gz', '.gz', '', '.csv']);
});
