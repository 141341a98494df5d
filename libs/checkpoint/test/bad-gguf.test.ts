import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/index.ts';
import { ggufBytes, smallTensor, text, TINY_METADATA, tinyGgufTensors, u32, u64 } from './gguf-bytes.ts';
import { temporaryFolder } from './tiny-model.ts';

const root = temporaryFolder();
const cacheFolder = join(root, 'cache');
const path = join(root, 'model.gguf');
const open = () => openCheckpoint(path, { cacheFolder });

/** A header of given parts behind the magic number, version 3. */
const header = (tensorCount: number | bigint, keyCount: number | bigint, ...parts: Uint8Array[]) =>
  Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensorCount), u64(keyCount), ...parts]);

const key = (name: string, type: number, ...parts: Uint8Array[]) =>
  Buffer.concat([text(name), u32(type), ...parts]);

afterEach(() => {
  rmSync(path, { recursive: true, force: true });
  expect(existsSync(cacheFolder)).toBe(false);
});

describe('a GGUF is refused, with nothing in the cache, when it is', () => {
  it.each<[string, Buffer, string, RegExp]>([
    ['a file without a byte', Buffer.alloc(0), 'truncated', /ends inside the magic number/],
    ['another magic number', Buffer.from('GGML0000'), 'malformed', /does not start with "GGUF"/],
    [
      'a file that ends behind the version',
      header(0, 0).subarray(0, 8),
      'truncated',
      /ends inside the tensor count/,
    ],
    [
      'a header longer than the file',
      header(1, 0, text('w'), u32(2), u64(4)),
      'truncated',
      /ends inside tensor w: 8 bytes at byte 45, the file has 45/,
    ],
    ['version 4', ggufBytes({}, [], 4), 'unsupported', /GGUF version 4 is not supported/],
    ['version 1', ggufBytes({}, [], 1), 'unsupported', /GGUF version 1 is not supported/],
    ['big-endian', ggufBytes({}, [], 0x03000000), 'unsupported', /big-endian GGUF is not supported/],
    [
      'billions of tensors',
      header(4_000_000_000, 0),
      'malformed',
      /tensor count is 4000000000, the limit is 65536/,
    ],
    [
      '2^64-1 metadata keys',
      header(0, 2n ** 64n - 1n),
      'malformed',
      /metadata count is 18446744073709552000, the limit is 65536/,
    ],
    [
      'more keys than there are',
      header(0, 2, key('a', 4, u32(1))),
      'truncated',
      /ends inside a metadata key/,
    ],
    [
      'a string beyond the file',
      header(0, 1, key('a', 8, u64(1000), Buffer.from('abc'))),
      'truncated',
      /ends inside a: 1000 bytes/,
    ],
    [
      'a string of gigabytes',
      header(0, 1, key('a', 8, u64(2 ** 32))),
      'malformed',
      /a has 4294967296 bytes, the limit of a string/,
    ],
    ['a key of gigabytes', header(0, 1, u64(2 ** 40)), 'malformed', /a metadata key has 1099511627776 bytes/],
    [
      'a key of 257 characters',
      header(0, 1, key('k'.repeat(257), 4, u32(1))),
      'malformed',
      /257 characters, the limit is 256/,
    ],
    [
      'an invalid string',
      header(0, 1, key('a', 8, u64(1), Buffer.of(0xff))),
      'malformed',
      /a is not valid UTF-8/,
    ],
    ['an unknown value type', header(0, 1, key('a', 13, u32(1))), 'malformed', /a has the unknown type 13/],
    [
      'a list of lists',
      header(0, 1, key('a', 9, u32(9), u64(1))),
      'malformed',
      /list of values of the unknown type 9/,
    ],
    [
      'a list of billions',
      header(0, 1, key('a', 9, u32(4), u64(3e9))),
      'malformed',
      /a has 3000000000 entries, the limit/,
    ],
    [
      'a list beyond the file',
      header(0, 1, key('a', 9, u32(4), u64(4e6))),
      'truncated',
      /ends inside a: 16000000 bytes/,
    ],
    [
      'a list of strings beyond the file',
      header(0, 1, key('a', 9, u32(8), u64(4e6))),
      'truncated',
      /ends inside a: 8 bytes/,
    ],
    [
      'a key that is there twice',
      header(0, 2, key('a', 4, u32(1)), key('a', 4, u32(1))),
      'malformed',
      /key a is there twice/,
    ],
    [
      'an alignment of 0',
      ggufBytes({ 'general.alignment': { u32: 0 } }, []),
      'malformed',
      /general\.alignment is 0/,
    ],
    [
      'a tensor without dimensions',
      ggufBytes({}, [smallTensor({ dimensions: [] })]),
      'malformed',
      /tensor w has 0 dimensions/,
    ],
    [
      'five dimensions',
      ggufBytes({}, [smallTensor({ dimensions: [1, 1, 1, 1, 1] })]),
      'malformed',
      /tensor w has 5 dimensions/,
    ],
    [
      'a dimension of 0',
      ggufBytes({}, [smallTensor({ dimensions: [4, 0] })]),
      'malformed',
      /tensor w has dimensions \[4, 0\]/,
    ],
    [
      'a dimension of 2^64-1',
      ggufBytes({}, [smallTensor({ dimensions: [2n ** 64n - 1n] })]),
      'malformed',
      /1 to 4294967296 each/,
    ],
    [
      'dimensions whose product overflows',
      ggufBytes({}, [smallTensor({ dimensions: [2 ** 32, 2 ** 32, 2 ** 32, 2 ** 32] })]),
      'malformed',
      /at most 274877906944 elements/,
    ],
    [
      'a type that is not decoded',
      ggufBytes({}, [smallTensor({ type: 23 })]),
      'unsupported',
      /type IQ4_XS: supported are F32, F16, BF16, .*Q5_K, Q6_K: fetch a file of one of them/,
    ],
    [
      'a type that nobody knows',
      ggufBytes({}, [smallTensor({ type: 4_000_000_000 })]),
      'unsupported',
      /tensor w has the type number 4000000000: supported are/,
    ],
    [
      'rows that are not whole K-quant blocks',
      ggufBytes({}, [smallTensor({ type: 14, dimensions: [128, 2] })]),
      'malformed',
      /rows of 128, not a multiple of the 256 of a Q6_K/,
    ],
    [
      'rows that are not whole blocks',
      ggufBytes({}, [smallTensor({ type: 8 })]),
      'malformed',
      /rows of 4, not a multiple of the 32 of a Q8_0/,
    ],
    [
      'data beyond the file',
      ggufBytes({}, [smallTensor({ dimensions: [4, 3] })]),
      'truncated',
      /tensor w ends at byte 144, but .* only 128/,
    ],
    [
      'an offset of exabytes',
      ggufBytes({}, [smallTensor({ offset: 2 ** 60 })]),
      'truncated',
      /but the file has only/,
    ],
    [
      'an offset that is not aligned',
      ggufBytes({}, [smallTensor({ offset: 4 })]),
      'malformed',
      /starts at 4, not a multiple of 32/,
    ],
    [
      'a tensor that is there twice',
      ggufBytes({}, [smallTensor(), smallTensor()]),
      'malformed',
      /tensor w is there twice/,
    ],
    [
      'overlapping tensors',
      ggufBytes({}, [smallTensor(), smallTensor({ name: 'v', offset: 0 })]),
      'malformed',
      /tensors w and v overlap/,
    ],
  ])('%s', async (_, bytes, code, message) => {
    writeFileSync(path, bytes);
    await expect(open()).rejects.toMatchObject({
      name: 'CheckpointError',
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('a folder', async () => {
    mkdirSync(path);
    await expect(open()).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(join(path, 'config.json')) as string,
    });
  });

  it('not there', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'not-found' });
  });

  it('a file that may not be read', async () => {
    writeFileSync(path, ggufBytes(TINY_METADATA, tinyGgufTensors()));
    chmodSync(root, 0o755);
    chmodSync(path, 0);
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65_534); // Root may read anything.
    try {
      await expect(open()).rejects.toMatchObject({
        code: 'unreadable',
        message: `${path}: permission denied`,
      });
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });
});
