import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '@blockpruner/testkit';
import { collect } from '../test/record-reading.ts';
import { CalibrationError } from './calibration-error.ts';
import { readBytes } from './decompress.ts';

const folder = temporaryFolder();
const path = join(folder.path, 'bytes');
afterAll(() => folder.remove());

async function unpack(
  bytes: Buffer,
  compression: 'none' | 'gzip' | 'zstd',
  maxUnpackedBytes?: number,
): Promise<Buffer> {
  await writeFile(path, bytes);
  await using handle = await open(path);
  const source = { path, handle, compression, onBytes: () => undefined, maxUnpackedBytes };
  return Buffer.concat(await collect(readBytes(source)));
}

const text = Buffer.from('It was the best of times, it was the worst of times. '.repeat(5000));

describe.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)('%s', (compression, compress) => {
  const packed = compress(text);

  test('any number of members gives all of them in order', async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lengths, async (parts) => {
        const members = parts.map((length) => compress(text.subarray(0, length)));
        const expected = Buffer.concat(parts.map((length) => text.subarray(0, length)));
        expect((await unpack(Buffer.concat(members), compression)).equals(expected)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('many small members do not take the time of reading the file for each', async () => {
    const member = compress(Buffer.from('a line\n'));
    const unpacked = await unpack(Buffer.concat(Array<Buffer>(3000).fill(member)), compression);
    expect(unpacked.length).toBe(3000 * 7);
  }, 60_000);

  test('data that is cut off anywhere is an error', async () => {
    for (const length of [1, 5, packed.length >> 1, packed.length - 1]) {
      await expect(unpack(packed.subarray(0, length), compression)).rejects.toThrow(/cut off|corrupt/);
    }
    const second = Buffer.concat([packed, packed.subarray(0, -1)]);
    await expect(unpack(second, compression)).rejects.toThrow(/cut off|corrupt/);
  });

  test('something else behind the data is an error that says so', async () => {
    for (const rest of [Buffer.from('garbage'), Buffer.alloc(600)]) {
      await expect(unpack(Buffer.concat([packed, rest]), compression)).rejects.toThrow(
        `what follows the ${compression} data is not ${compression} data`,
      );
    }
  });

  test('a file that is not compressed is an error that says so', async () => {
    await expect(unpack(text, compression)).rejects.toThrow(`not ${compression} data, as its extension says`);
  });

  test('data that expands beyond the limit is an error', async () => {
    const bomb = compress(Buffer.alloc(2 ** 24));
    await expect(unpack(bomb, compression, 2 ** 20)).rejects.toMatchObject({ code: 'limit' });
  });

  test('a mutated file gives bytes or a CalibrationError', async () => {
    const change = fc.tuple(fc.nat(packed.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(packed);
        for (const [at, byte] of changes) bytes[at] = byte;
        await unpack(bytes, compression).catch((error: unknown) =>
          expect(error).toBeInstanceOf(CalibrationError),
        );
      }),
      { numRuns: 150 },
    );
  });
});

test('a skippable zstd frame is skipped', async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
  const frame = zstdCompressSync(text);
  expect((await unpack(Buffer.concat([skippable, frame, skippable, frame]), 'zstd')).length).toBe(
    2 * text.length,
  );
});

test('a stopped reader leaves the file open for its owner, and no error behind', async () => {
  await writeFile(path, gzipSync(Buffer.alloc(2 ** 22)));
  await using handle = await open(path);
  for await (const chunk of readBytes({ path, handle, compression: 'gzip', onBytes: () => undefined })) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  expect((await handle.stat()).isFile()).toBe(true);
});
