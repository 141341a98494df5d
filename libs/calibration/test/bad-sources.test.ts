import { execSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '@blockpruner/testkit';
import { CalibrationError } from '../src/calibration-error.ts';
import { readRecords } from '../src/read-records.ts';
import { fileError } from '../src/source-file.ts';
import { collect, failureOf, recordsOf, valuesOf } from './record-reading.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function save(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, content);
  return path;
}

const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('some text', 'utf16le')]);
const objects = '{"a": 1}\n{"a": 2}\n';

test.each<[string, string | Buffer, string]>([
  ['empty.txt', '', 'file: the file is empty'],
  ['mark.txt', '\ufeff', 'file: the file is empty'],
  ['mark.jsonl', '\ufeff', 'file: the file is empty'],
  ['nothing.md.gz', gzipSync(''), 'file: the file is empty'],
  ['nothing.md.zst', zstdCompressSync(''), 'file: the file is empty'],
  ['empty.parquet', '', 'file: the file is empty'],
  ['utf16.txt', utf16, 'format: UTF-16 text; save the file as UTF-8'],
  ['utf16.json', utf16, 'format: UTF-16 text; save the file as UTF-8'],
  [
    'latin1.txt',
    Buffer.from('caf\xe9 noir', 'latin1'),
    'format: not valid UTF-8 at byte 3; save the file as UTF-8',
  ],
  ['latin1.md.gz', gzipSync(Buffer.from('caf\xe9 noir', 'latin1')), 'format: not valid UTF-8 at byte 3'],
  ['latin1.json', Buffer.from('["a", "\xe9"]', 'latin1'), 'format: element 1: not valid UTF-8 at byte 7'],
  [
    'mark.json',
    Buffer.from('\xef\xbb\xbf["\xe9"]', 'latin1'),
    'format: element 0: not valid UTF-8 at byte 5',
  ],
  ['none.json', '[ ]', 'format: the array is empty; write one array'],
  [
    'object.json',
    '{"data": [{"text": "a"}]}',
    "format: an object at the top, not an array; write its array alone (jq '.data')",
  ],
  ['lines.json', objects, 'format: several JSON values one behind the other (byte 9); name the file .jsonl'],
  ['lines.json.zst', zstdCompressSync(objects), 'format: several JSON values one behind the other'],
  [
    'ids.json',
    '[1, 2]\n[3, 4]\n',
    'format: element 0 at byte 1 is a number: a record is a string, an array or an object',
  ],
  ['numbers.json', '["a", 1.5]', 'format: element 1 at byte 6 is a number'],
  ['null.json', '["a", null]', 'format: element 1 at byte 6 is null'],
  ['comma.json', '["a" "b"]', 'format: element 0 at byte 1: not valid JSON'],
  ['surrogate.json', '["a", ["\\udc00"]]', 'format: element 1 at byte 6: the string "\\udc00" holds half'],
  [
    'surrogate-key.jsonl',
    '{"\\ud800": 1}',
    'format: line 1: the string "\\ud800" holds half of a surrogate pair',
  ],
  ['cut.json', '["a", "b', 'format: the file was cut off within element 1; fetch it again'],
  ['cut.jsonl', '"a"\n{"text": "b', 'format: the file was cut off at line 2, its last'],
  ['pretty.jsonl', '[\n  "a"\n]\n', 'format: line 1: not valid JSON'],
  ['blank.ndjson', ' \r\n\n', 'format: every line is blank'],
  ['a.txt.gz', 'not compressed', 'format: not gzip data, as its extension says'],
  ['a.txt.zst', gzipSync('compressed otherwise'), 'format: not zstd data, as its extension says'],
  [
    'cut.txt.gz',
    gzipSync('some text').subarray(0, -3),
    'format: the gzip data was cut off; fetch or compress',
  ],
  [
    'cut.parquet.gz',
    gzipSync('some text').subarray(0, -3),
    'format: the gzip data was cut off; fetch or compress',
  ],
  [
    'text.parquet.zst',
    zstdCompressSync('some longer text'),
    'format: not a valid Parquet file: it does not begin',
  ],
  [
    'line.jsonl.zst',
    zstdCompressSync(Buffer.alloc(2 ** 27, 'x')),
    'limit: line 1 is longer than the 16777216 bytes',
  ],
  ['element.json.gz', gzipSync(`["${'x'.repeat(2 ** 25)}"]`), 'limit: element 0 at byte 1 is longer than'],
  [
    'deep.jsonl',
    `"a"\n${'['.repeat(1e6)}${']'.repeat(1e6)}`,
    'limit: line 2: arrays and objects within each other',
  ],
  ['a.csv', 'a,b', 'file: unknown extension ".csv"; known are .txt, .md, .json, .jsonl, .ndjson, .parquet'],
])('%s is one error of one line that names the file', async (name, content, failure) => {
  const path = await save(name, content);
  const [code, ...message] = failure.split(': ');
  const found = String(await failureOf(path));
  expect(found.slice(0, failure.length + path.length + 2)).toBe(`${code}: ${path}: ${message.join(': ')}`);
  expect(found.length - path.length).toBeLessThan(350);
  expect(found).not.toContain('\n');
});

test('a folder, a pipe and a device are no regular files', async () => {
  await mkdir(join(folder.path, 'folder.txt'));
  expect(await failureOf(join(folder.path, 'folder.txt'))).toMatch(/^file: .*a folder, not a file$/);
  execSync('mkfifo pipe.txt pipe.parquet', { cwd: folder.path });
  await symlink('/dev/zero', join(folder.path, 'device.txt'));
  for (const name of ['pipe.txt', 'pipe.parquet', 'device.txt']) {
    expect(await failureOf(join(folder.path, name))).toMatch(
      /^file: .*not a regular file; save it as a file first$/,
    );
  }
});

test('a file that is gone is an error before the first record, one that vanishes later is one in its turn', async () => {
  const [here, gone] = [await save('here.txt', 'a'), join(folder.path, 'gone.txt')];
  await expect(valuesOf([here, gone])).rejects.toThrow(`${gone}: no such file or folder`);
  const vanishing = await save('vanishing.txt', 'b');
  const records = readRecords([here, vanishing], { textColumn: null });
  expect((await records.next()).value).toMatchObject({ value: 'a' });
  await rm(vanishing);
  await expect(records.next()).rejects.toThrow(`${vanishing}: no such file or folder`);
});

test('a lack of permission and a failing disk are told apart', () => {
  const failed = (code: string) =>
    fileError('a.txt', Object.assign(new Error(`${code}: it failed`), { code })).message;
  expect(failed('EACCES')).toBe('a.txt: no permission to read it');
  expect(failed('EIO')).toBe('a.txt: cannot be read: EIO: it failed');
});

describe('good files', () => {
  test('several files follow one another, each record with its file and place', async () => {
    const text = await save('good.txt', 'a\r\nb');
    const array = await save('good.json', ' ["a", {"text": "b"}, [1, 2]] ');
    const lines = await save('good.jsonl.gz', gzipSync('"a"\n\n{"text":"b"}'));
    expect(await recordsOf([text, array, lines])).toEqual([
      { file: text, place: '', value: 'a\r\nb', continues: false },
      { file: array, place: 'element 0', value: 'a', continues: false },
      { file: array, place: 'element 1', value: { text: 'b' }, continues: false },
      { file: array, place: 'element 2', value: [1, 2], continues: false },
      { file: lines, place: 'line 1', value: 'a', continues: false },
      { file: lines, place: 'line 3', value: { text: 'b' }, continues: false },
    ]);
  });

  test('progress counts the bytes on disk, all of them at the end', async () => {
    const files = [
      await save('one.txt', 'x'.repeat(3e5)),
      await save('two.txt.gz', gzipSync('y'.repeat(3e5))),
    ];
    const seen: [number, number][] = [];
    await collect(
      readRecords(files, { textColumn: null, onProgress: (done, total) => seen.push([done, total]) }),
    );
    const total = 3e5 + gzipSync('y'.repeat(3e5)).length;
    expect(seen.length).toBeGreaterThan(4);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done], i) => i === 0 || done >= seen[i - 1][0])).toBe(true);
  });
});

describe('a mutated file gives records or one CalibrationError', () => {
  const array = '["a \\u00e9 b", {"text": "ü", "n": [1, 2.5, null, true]}, [[1], {"b": "\\ud83d\\ude42"}]]\n';
  const lines = '{"text": "a"}\n\n["b", 1]\r\n"ü\\ud83d\\ude42"\n{"messages": [{"role": "user"}]}';
  test.each<[string, Buffer]>([
    ['a.txt', Buffer.from('Some täxt\r\n\u{1f642} of two lines\n')],
    ['a.json', Buffer.from(array)],
    ['a.jsonl', Buffer.from(lines)],
    ['a.json.gz', gzipSync(array)],
    ['a.jsonl.zst', zstdCompressSync(lines)],
  ])('%s', async (name, good) => {
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const seen = { records: 0, errors: 0 };
    await fc.assert(
      fc.asyncProperty(
        changes,
        fc.integer({ min: 1, max: good.length }),
        fc.boolean(),
        async (list, length, cut) => {
          const bytes = Buffer.from(cut ? good.subarray(0, length) : good);
          for (const [at, byte] of list) bytes[at % bytes.length] = byte;
          const path = await save(name, bytes);
          try {
            await valuesOf(path);
            seen.records++;
          } catch (error) {
            expect(error).toBeInstanceOf(CalibrationError);
            expect((error as CalibrationError).message).toMatch(/^[^\n]{1,399}$/);
            seen.errors++;
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(seen.records).toBeGreaterThan(0);
    expect(seen.errors).toBeGreaterThan(0);
  });
});
