import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neededLibraries } from './shared-library.ts';

const PACKAGE = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const BINDING = join(PACKAGE, 'bin/napi-v6/linux/x64/onnxruntime_binding.node');
const good = readFileSync(BINDING);
const PROGRAM_HEADERS = 64;

describe('neededLibraries', () => {
  let folder: TemporaryFolder;
  beforeAll(() => (folder = temporaryFolder()));
  afterAll(() => folder.remove());

  const read = (bytes: Uint8Array): string[] | undefined => {
    const file = join(folder.path, 'library.so');
    writeFileSync(file, bytes);
    return neededLibraries(file);
  };
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  const segment = (type: number): number => {
    const count = good.readUInt16LE(56);
    const starts = Array.from({ length: count }, (_, i) => PROGRAM_HEADERS + 56 * i);
    return starts.find((start) => good.readUInt32LE(start) === type) ?? NaN;
  };

  it('lists what a library asks the loader for, in its order', () => {
    expect(neededLibraries(BINDING)).toEqual([
      'libonnxruntime.so.1',
      'libstdc++.so.6',
      'libm.so.6',
      'libgcc_s.so.1',
      'libc.so.6',
    ]);
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['a text', Buffer.from('libonnxruntime_providers_cuda.so is not here\n'.repeat(4))],
    ['a header alone', good.subarray(0, 64)],
    ['a library of 32 bits', changed((bytes) => bytes.writeUInt8(1, 4))],
    ['a library for big-endian machines', changed((bytes) => bytes.writeUInt8(2, 5))],
    ['a library for ARM', changed((bytes) => bytes.writeUInt16LE(183, 18))],
    ['a program', changed((bytes) => bytes.writeUInt16LE(2, 16))],
    ['a library without segments', changed((bytes) => bytes.writeUInt16LE(0, 56))],
    ['a library with 65535 segments', changed((bytes) => bytes.writeUInt16LE(0xffff, 56))],
    ['a header table beyond the end', changed((bytes) => bytes.writeBigUInt64LE(1n << 40n, 32))],
    [
      'a header table at the end of addresses',
      changed((bytes) => bytes.writeBigUInt64LE(~0n & 0xffffffffffffffffn, 32)),
    ],
    ['a segment beyond the end', changed((bytes) => bytes.writeBigUInt64LE(1n << 50n, segment(1) + 32))],
    [
      'a dynamic section of 2^40 entries',
      changed((bytes) => bytes.writeBigUInt64LE(1n << 44n, segment(2) + 32)),
    ],
    ['a library that lacks its last byte', good.subarray(0, good.length - 1)],
    ['the first half of a library', good.subarray(0, good.length / 2)],
  ])('knows that %s is no complete library', (_, bytes) => {
    expect(read(bytes)).toBeUndefined();
  });

  it('gives nothing where a name lies in front of its segment', () => {
    const bytes = changed((copy) => {
      copy.writeUInt8(56, 97);
      copy.writeUInt8(0, 6);
    });
    expect(read(bytes)).toBeUndefined();
  });

  it('gives names or nothing, whatever the bytes are', () => {
    const head = 4096;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: head - 1 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (changes) => {
          const bytes = changed((copy) => changes.forEach(([at, value]) => copy.writeUInt8(value, at)));
          for (const name of read(bytes) ?? []) expect(name).toMatch(/^[^\0]{1,255}$/s);
        },
      ),
      { numRuns: 300 },
    );
  });
});
