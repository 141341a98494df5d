import { open, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetMetadata } from 'hyparquet';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { descendants, temporaryFolder, waitFor } from '@blockpruner/testkit';
import { CalibrationError } from '../src/calibration-error.ts';
import { readParquet } from '../src/parquet-reader.ts';
import { readRecords } from '../src/read-records.ts';
import { lieInFooter, parquetFile, patch, replaceFooter, ROW_COUNT, wordColumn } from './parquet-files.ts';
import { collect, failureOf, recordsOf, valuesOf } from './record-reading.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

async function save(bytes: Buffer, name = 'a.parquet'): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, bytes);
  return path;
}

describe('what pyarrow wrote', () => {
  test.each(['every-codec.parquet', 'delta-encoded.parquet'])(
    '%s has the rows of the JSONL',
    async (name) => {
      expect(await valuesOf(fixture(name))).toEqual(await valuesOf(fixture('parquet-rows.jsonl')));
    },
  );

  test('one column is read alone, whatever its name', async () => {
    const rows = await recordsOf(fixture('every-codec.parquet'), 'output');
    expect(rows).toHaveLength(60);
    expect(rows[59]).toMatchObject({ place: 'row 59', continues: false });
    expect(Object.keys(rows[59].value as object)).toEqual(['output']);
  });
});

test('a file without a column that matters gives its columns of strings', async () => {
  const id = { name: 'id', data: new Int32Array(3), type: 'INT32' } as const;
  const path = await save(parquetFile([id, wordColumn('title', 3), wordColumn('body', 3)]));
  expect((await valuesOf(path))[1]).toEqual({ title: 'bb', body: 'bb' });
  const numbers = await save(parquetFile([id]));
  expect(await failureOf(numbers)).toMatch(/^format: .*no column of text, messages or token ids; it has id$/);
});

test('a column that is not there is an error that lists those that are', async () => {
  const path = await save(parquetFile([wordColumn('title'), wordColumn('body')]));
  expect(await failureOf(path, 'text')).toMatch(/^options: .*no column "text"; it has title, body$/);
});

test('a compressed file is unpacked, and its copy is gone before the first row', async () => {
  const file = parquetFile([wordColumn()]);
  const copies = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('blockpruner-parquet-'));
  for (const [name, bytes] of Object.entries({
    'a.parquet.gz': gzipSync(file),
    'a.parquet.zst': zstdCompressSync(file),
  })) {
    const path = await save(bytes, name);
    const before = new Set(await copies());
    const records = readRecords([path], { textColumn: null });
    expect((await records.next()).value).toEqual({
      file: path,
      place: 'row 0',
      value: { text: 'aa' },
      continues: false,
    });
    expect((await copies()).filter((copy) => !before.has(copy))).toEqual([]);
    expect(await collect(records)).toHaveLength(ROW_COUNT - 1);
  }
});

test('progress ends with all the bytes, in a file of several row groups', async () => {
  const path = await save(parquetFile([wordColumn()], 100));
  const size = (await readFile(path)).length;
  const seen: number[] = [];
  await collect(readRecords([path, path], { textColumn: null, onProgress: (done) => seen.push(done) }));
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(2 * size);
  expect(seen.length).toBeGreaterThan(4);
});

describe('a file that lies', () => {
  const other = {
    name: 'other',
    data: Int32Array.from({ length: ROW_COUNT }, (_, i) => i),
    type: 'INT32',
  } as const;
  const good = parquetFile([other, wordColumn()]);
  const { meta_data: column } = parquetMetadata(new Uint8Array(good)).row_groups[0].columns[1];
  const start = Number(column?.dictionary_page_offset ?? column?.data_page_offset);
  const length = Number(column?.total_compressed_size);
  const footerBytes = (count: number) => {
    const bytes = Buffer.from(good);
    bytes.writeUInt32LE(count, bytes.length - 8);
    return bytes;
  };

  test.each<[string, Buffer, RegExp]>([
    ['billions of rows', lieInFooter(good, ROW_COUNT, 5e9), /1237 values in column text for 5000000000 rows/],
    ['one row more', lieInFooter(good, ROW_COUNT, ROW_COUNT + 1), /1237 values in column text for 1238 rows/],
    ['one row less', lieInFooter(good, ROW_COUNT, ROW_COUNT - 1), /1237 values in column text for 1236 rows/],
    [
      'a column beyond the file',
      lieInFooter(good, start, 1e9),
      /column text at bytes 1000000000 to \d+ of \d+/,
    ],
    ['a column of a terabyte', lieInFooter(good, length, 2 ** 40), /column text at bytes \d+ to \d+ of \d+/],
    [
      'a footer larger than the file',
      footerBytes(2 ** 31),
      /a footer of 2147483648 bytes where \d+ are left/,
    ],
    ['a footer of no bytes', footerBytes(0), /not a valid Parquet file/],
    [
      'a footer of garbage',
      replaceFooter(good, (footer) => Buffer.alloc(footer.length, 0x9c)),
      /not a valid Parquet file/,
    ],
    [
      'a footer with a list of two billion',
      replaceFooter(good, () => Buffer.from([0x29, 0xfc, 255, 255, 255, 255, 7])),
      /a list of/,
    ],
    ['no magic at the end', good.subarray(0, -1), /it does not end with PAR1: it was cut off/],
    ['no magic at the start', Buffer.concat([Buffer.from('x'), good]), /it does not begin with PAR1/],
    [
      'encryption',
      patch(good, [...Buffer.from('PAR1')], [...Buffer.from('PARE')]),
      /it is encrypted; decrypt it first/,
    ],
    ['only magic', Buffer.from('PAR1PAR1'), /8 bytes are too few/],
    ['text', Buffer.from('name,text\n1,some text that is not Parquet\n'), /it does not begin with PAR1/],
  ])('%s: one error that names the file', async (_, bytes, message) => {
    const path = await save(bytes);
    const failure = await failureOf(path);
    expect(failure).toMatch(message);
    expect(String(failure).startsWith(`format: ${path}: `)).toBe(true);
  });

  test('rows that are not there', async () => {
    const path = await save(parquetFile([wordColumn('text', 0)]));
    expect(await failureOf(path)).toMatch(/^format: .*the file has no rows$/);
  });

  test('text that is not UTF-8', async () => {
    const path = await save(patch(good, [2, 0, 0, 0, 0x62, 0x62], [2, 0, 0, 0, 0x62, 0xff]));
    expect(await failureOf(path)).toMatch(/^format: .*row group 0 is not valid: .*utf-8/);
  });

  test('an index outside of the dictionary', async () => {
    const path = await save(patch(good, [0x24, 0x49, 0x92], [0xff, 0xff, 0xff]));
    expect(await failureOf(path)).toMatch(/^format: .*column text lacks values/);
  });
});

test('a page that makes the decoder loop for ever is an error after the time it has', async () => {
  // Bit-packed indexes of no bits, and fewer than none of them.
  const path = await save(
    patch(parquetFile([wordColumn()]), [2, 0xb7, 2, 0x24, 0x49, 0x92], [0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  );
  await using handle = await open(path);
  const source = { path, handle, compression: 'none', onBytes: () => undefined } as const;
  const rows = collect(readParquet(source, null, { maxMs: 2000 }));
  await expect(rows).rejects.toThrow(`${path}: decoding it takes more than 2 s; it may be corrupt`);
  await expect(rows).rejects.toMatchObject({ code: 'limit' });
  await waitFor(() => descendants(process.pid).length === 0, { timeoutMs: 10_000 });
}, 30_000);

test('a mutated file gives rows or one CalibrationError', async () => {
  const good = await readFile(fixture('every-codec.parquet'));
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(2), async (changes, cut) => {
      const bytes = Buffer.from(cut === 2 ? good.subarray(changes[0][0] % 100) : good);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const path = await save(bytes);
      try {
        await valuesOf(path);
      } catch (error) {
        expect(error).toBeInstanceOf(CalibrationError);
        const { message } = error as CalibrationError;
        expect(message).toMatch(/^[^\n]{1,399}$/);
        expect(message).toContain(path);
      }
    }),
    { numRuns: 80 },
  );
}, 120_000);

test('a reader that stops early ends its decoder', async () => {
  const path = await save(parquetFile([wordColumn()]));
  for await (const record of readRecords([path], { textColumn: null })) {
    expect(record.place).toBe('row 0');
    expect(descendants(process.pid)).not.toEqual([]);
    break;
  }
  await waitFor(() => descendants(process.pid).length === 0, { timeoutMs: 10_000 });
});
