import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '@blockpruner/testkit';
import { readRecords } from '../src/read-records.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const MEMBER_BYTES = 2 ** 20;
const MEMBERS = 320;

/** What a reader that keeps a file in memory cannot stay below, and one that does not can, garbage included. */
const MAX_GROWTH_BYTES = 160 * 2 ** 20;

const line = 'It was the best of times, it was the worst of times, it was the age of wisdom. ';
const record = JSON.stringify({ text: line.repeat(10) });
const fill = (unit: string) => unit.repeat(Math.floor(MEMBER_BYTES / unit.length));

async function write(name: string, parts: Iterable<Buffer>): Promise<string> {
  const path = join(folder.path, name);
  await using file = await open(path, 'w');
  for (const part of parts) await file.writeFile(part);
  return path;
}

function* repeated(part: Buffer, head?: Buffer, tail?: Buffer): Generator<Buffer> {
  if (head) yield head;
  for (let i = 0; i < MEMBERS; i++) yield part;
  if (tail) yield tail;
}

test.each<[string, Iterable<Buffer>]>([
  ['lines.jsonl.gz', repeated(gzipSync(fill(`${record}\n`)))],
  ['array.json', repeated(Buffer.from(fill(`${record},\n`)), Buffer.from('['), Buffer.from('"end"]'))],
  [
    'array.json.zst',
    repeated(zstdCompressSync(fill(`${record},\n`)), zstdCompressSync('['), zstdCompressSync('"end"]')),
  ],
  ['text.txt', repeated(Buffer.from(fill(`${line}\n`)))],
  ['text.md.gz', repeated(gzipSync(fill(line)))],
])(
  '%s of 320 MB is read in the memory of a window',
  async (name, parts) => {
    const path = await write(name, parts);
    const before = process.memoryUsage.rss();
    let [peak, characters, records] = [before, 0, 0];
    for await (const { value } of readRecords([path], { textColumn: null })) {
      characters += typeof value === 'string' ? value.length : (value as { text: string }).text.length;
      records++;
      if (records % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
    }
    peak = Math.max(peak, process.memoryUsage.rss());
    expect(characters).toBeGreaterThan(0.95 * MEMBERS * MEMBER_BYTES);
    expect(peak - before).toBeLessThan(MAX_GROWTH_BYTES);
  },
  120_000,
);
