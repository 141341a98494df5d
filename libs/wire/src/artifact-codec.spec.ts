import {
  chunkCount,
  isSafeName,
  type ArtifactFile,
  type FetchReply,
  type FetchRequest,
  type ManifestReply,
} from '@blockpruner/artifacts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutated } from '../test/message-arbitrary.ts';
import {
  decodeFetchReply,
  decodeFetchRequest,
  decodeManifestReply,
  decodeManifestRequest,
  encodeFetchReply,
  encodeFetchRequest,
  encodeManifestReply,
  encodeManifestRequest,
} from './artifact-codec.ts';
import { fetchReplyType, fetchRequestType, manifestReplyType } from './artifact-proto.ts';
import type { Manifest } from './gen/blockpruner/v1/Manifest.ts';
import { WireError } from './wire-error.ts';

const CHUNK_BYTES = 1024;

const sha256 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const bytesOfFile = fc.integer({ min: 1, max: 5 * CHUNK_BYTES });
const file: fc.Arbitrary<ArtifactFile> = bytesOfFile.chain((sizeBytes) => {
  const length = 32 * chunkCount(sizeBytes, CHUNK_BYTES);
  return fc.record({
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter(isSafeName),
    sizeBytes: fc.constant(sizeBytes),
    sha256,
    chunkHashes: fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes)),
  });
});
const files = fc.uniqueArray(file, { minLength: 1, maxLength: 4, selector: ({ name }) => name });
const anyBytes = fc.nat(Number.MAX_SAFE_INTEGER);
const manifestReply: fc.Arbitrary<ManifestReply> = fc.oneof(
  fc.record({ kind: fc.constant('hashing' as const), doneBytes: anyBytes, totalBytes: anyBytes }),
  fc.tuple(files, fc.option(fc.nat(3))).map(([all, entry]): ManifestReply => ({
    kind: 'manifest',
    manifest: {
      chunkBytes: CHUNK_BYTES,
      entry: entry === null ? null : all[entry % all.length].name,
      files: all,
    },
  })),
);
const fetchRequest: fc.Arbitrary<FetchRequest> = fc.record({
  sha256,
  offsetBytes: anyBytes,
  lengthBytes: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});
const fetchReply: fc.Arbitrary<FetchReply> = fc.oneof(
  fc.record({ kind: fc.constant('waiting' as const), ahead: fc.nat() }),
  fc.record({
    kind: fc.constant('data' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  }),
);

/** Sent messages arrive as they were; with bytes changed, as another valid one or as a WireError. */
function holds<T>(
  messages: fc.Arbitrary<T>,
  encode: (message: T) => Buffer,
  decode: (bytes: Buffer) => T,
): void {
  fc.assert(
    fc.property(messages, (message) => {
      expect(decode(encode(message))).toEqual(message);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(mutated(messages.map(encode)), (bytes) => {
      try {
        const message = decode(bytes);
        expect(decode(encode(message))).toEqual(message);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
    { numRuns: 1000 },
  );
}

describe('messages about artifacts', () => {
  it('arrive as they were sent, or as a WireError', () => {
    const fingerprint = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 128 });
    holds(fingerprint, encodeManifestRequest, decodeManifestRequest);
    holds(manifestReply, encodeManifestReply, decodeManifestReply);
    holds(fetchRequest, encodeFetchRequest, decodeFetchRequest);
    holds(fetchReply, encodeFetchReply, decodeFetchReply);
  });

  const hash = Buffer.alloc(32);
  const one = { name: 'config.json', sizeBytes: 1025, sha256: hash, chunkHashes: Buffer.alloc(64) };
  const manifest: Manifest = { chunkBytes: 1024, files: [one] };
  const refusal = (message: Manifest): string => {
    try {
      decodeManifestReply(manifestReplyType.serialize({ manifest: message }));
      return 'accepted';
    } catch (error) {
      if (error instanceof WireError) return error.message;
      throw error;
    }
  };

  it('take a manifest that is in order', () => expect(refusal(manifest)).toBe('accepted'));

  it.each<[string, Manifest, string]>([
    ['no file', { ...manifest, files: [] }, 'manifest.files has 0 elements'],
    [
      'too many files',
      { ...manifest, files: new Array(2049).fill(one) as never },
      'manifest.files has 2049 elements',
    ],
    ['a chunk of nothing', { ...manifest, chunkBytes: 0 }, 'manifest.chunkBytes is 0'],
    [
      'a chunk too large to hold',
      { ...manifest, chunkBytes: 2 ** 26 + 1 },
      'manifest.chunkBytes is 67108865',
    ],
    ['two files of one name', { ...manifest, files: [one, one] }, 'manifest.files[1].name is "config.json"'],
    ['an entry that is none of them', { ...manifest, entry: 'x.gguf' }, 'manifest.entry is "x.gguf"'],
    ['an empty file', { ...manifest, files: [{ ...one, sizeBytes: 0 }] }, 'manifest.files[0].sizeBytes is 0'],
    [
      'half a hash',
      { ...manifest, files: [{ ...one, sha256: hash.subarray(16) }] },
      'manifest.files[0].sha256 has 16',
    ],
    [
      'a hash too few',
      { ...manifest, files: [{ ...one, chunkHashes: hash }] },
      'manifest.files[0].chunkHashes has 32 bytes: must have 64',
    ],
    [
      'a size beyond all hashes',
      { ...manifest, files: [{ ...one, sizeBytes: 2 ** 52 }] },
      'manifest.files[0].chunkHashes has 64 bytes',
    ],
    ...['../x', '/x', 'a/b', 'a\\b', '..', 'x\0y', '.x'].map((name): [string, Manifest, string] => [
      `the name ${JSON.stringify(name)}`,
      { ...manifest, files: [{ ...one, name }] },
      'manifest.files[0].name is',
    ]),
  ])('refuse %s', (_, message, expected) => expect(refusal(message)).toContain(expected));

  it('refuse a request that is too long, and content that is too much or nothing', () => {
    expect(() => decodeManifestRequest(encodeManifestRequest('x'.repeat(5000)))).toThrow(
      /^the request has 5003 bytes: must fit in 4096/,
    );
    const data = (length: number): Buffer => fetchReplyType.serialize({ data: Buffer.alloc(length) });
    expect(() => decodeFetchReply(data(0))).toThrow(/^data has 0 bytes/);
    expect(() => decodeFetchReply(data(2 ** 20 + 1))).toThrow(/^data has 1048577 bytes/);
    const negative = { sha256: hash, offsetBytes: 2 ** 60, lengthBytes: 1 };
    expect(() => decodeFetchRequest(fetchRequestType.serialize(negative))).toThrow(/^request.offsetBytes is/);
  });
});
