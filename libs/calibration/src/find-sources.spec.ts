import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '@blockpruner/testkit';
import { findSources } from './find-sources.ts';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder.path, ...names);

beforeAll(async () => {
  for (const name of ['deep/er', '.hidden', 'folder.txt', 'others', 'empty'])
    await mkdir(at(name), { recursive: true });
  const files = ['b.txt', 'B.md', 'ä.jsonl.gz', 'deep/er/a.parquet', '.hidden/x.txt', '.y.txt', 'notes.csv'];
  for (const name of [...files, 'others/a.csv', 'others/b.docx', 'others/LICENSE'])
    await writeFile(at(name), 'x');
  await symlink(at('notes.csv'), at('linked.json'));
  await symlink(at('deep'), at('linked-folder.txt'));
});

afterAll(() => folder.remove());

const namesIn = async (given: string) =>
  (await findSources(given)).map((path) => relative(folder.path, path));

test('a folder gives the files of known extensions below it in byte order, hidden ones left out', async () => {
  expect(await namesIn(folder.path)).toEqual([
    'B.md',
    'b.txt',
    'deep/er/a.parquet',
    'linked.json',
    'ä.jsonl.gz',
  ]);
});

test('a file gives itself, as an absolute path', async () => {
  expect(await findSources(relative(process.cwd(), at('b.txt')))).toEqual([at('b.txt')]);
});

test('a glob gives its files of known extensions, once each', async () => {
  expect(await namesIn(at('*'))).toEqual(['B.md', 'b.txt', 'linked.json', 'ä.jsonl.gz']);
  expect(await namesIn(at('**/*.{parquet,md,md}'))).toEqual(['B.md', 'deep/er/a.parquet']);
});

test('a file whose name looks like a glob is that file', async () => {
  await writeFile(at('deep', 'a[1].txt'), 'x');
  expect(await namesIn(at('deep', 'a[1].txt'))).toEqual(['deep/a[1].txt']);
});

test('a link to nothing is kept, for reading it to say so', async () => {
  await mkdir(at('dangling'));
  await symlink(at('gone.txt'), at('dangling', 'a.txt'));
  expect(await namesIn(at('dangling'))).toEqual(['dangling/a.txt']);
});

test.each([
  ['gone.txt', /^[^:]*gone\.txt: no such file or folder$/],
  ['gone-*.txt', /: no file is there$/],
  ['empty', /: no file is there$/],
  ['notes.csv', /no file of a known extension \(seen: \.csv\); known are \.txt, \.md, .*\.gz or \.zst/],
  ['others', /\(seen: (\.csv|\.docx|none), /],
  ['b.txt/c.txt', /no such file or folder/],
])('%s is an error that says what is missing', async (name, message) => {
  await expect(findSources(at(name))).rejects.toThrow(message);
  await expect(findSources(at(name))).rejects.toMatchObject({ name: 'CalibrationError', code: 'file' });
});
