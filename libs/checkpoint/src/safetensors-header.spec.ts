import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/tiny-model.ts';
import { readSafetensorsHeader } from './safetensors-header.ts';

const root = temporaryFolder();
const path = join(root, 'bad.safetensors');

function fileOf(header: unknown, dataBytes: number, declaredLength?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(declaredLength ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]);
}

const f32 = (shape: unknown, begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('readSafetensorsHeader', () => {
  it('gives offsets from the start of the file, and ignores metadata and padding', async () => {
    const header = `${JSON.stringify({ __metadata__: { format: 'pt' }, w: f32([2, 3], 4, 28) })}   `;
    writeFileSync(path, fileOf(header, 28));
    const { headerBytes, tensors } = await readSafetensorsHeader(path);
    expect(headerBytes).toBe(8 + header.length);
    expect([...tensors]).toEqual([
      ['w', { dtype: 'F32', shape: [2, 3], offsetBytes: headerBytes + 4, lengthBytes: 24 }],
    ]);
  });

  it('accepts tensors that are empty, scalar, or of a dtype unknown to it', async () => {
    writeFileSync(
      path,
      fileOf({ a: f32([0, 7], 0, 0), b: f32([], 0, 4), c: { ...f32([9], 4, 6), dtype: 'F4' } }, 6),
    );
    expect([...(await readSafetensorsHeader(path)).tensors.keys()]).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, Buffer, string, RegExp]>([
    ['a file without a byte', Buffer.alloc(0), 'truncated', /ends at byte 0/],
    ['a file of 5 bytes', Buffer.alloc(5), 'truncated', /ends at byte 5/],
    [
      'a header longer than the file',
      fileOf('{}', 4, 100n),
      'truncated',
      /has 14 bytes, but its header alone has 100/,
    ],
    [
      'a header of exabytes',
      fileOf('{}', 4, 2n ** 63n),
      'malformed',
      /a header of 9223372036854776000 bytes, the limit/,
    ],
    ['a header without a byte', fileOf('', 4), 'malformed', /header: is not UTF-8 JSON/],
    ['a header cut inside a string', fileOf('{"w', 4), 'malformed', /is not UTF-8 JSON/],
    [
      'invalid UTF-8',
      Buffer.concat([fileOf('', 0, 4n), Buffer.from('7b22ff7d', 'hex')]),
      'malformed',
      /is not UTF-8 JSON/,
    ],
    ['a list as header', fileOf([], 0), 'malformed', /top level is not a JSON object/],
    ['a deeply nested header', fileOf('['.repeat(200_000), 0), 'malformed', /nests deeper than 64 levels/],
    ['a number for a tensor', fileOf({ w: 1 }, 4), 'malformed', /tensor w is not an object/],
    [
      'no dtype',
      fileOf({ w: { shape: [1], data_offsets: [0, 4] } }, 4),
      'malformed',
      /tensor w has no dtype/,
    ],
    ['a negative size', fileOf({ w: f32([-1], 0, 4) }, 4), 'malformed', /tensor w has a shape/],
    ['a fractional size', fileOf({ w: f32([0.5, 2], 0, 4) }, 4), 'malformed', /tensor w has a shape/],
    [
      'one offset',
      fileOf({ w: { dtype: 'F32', shape: [1], data_offsets: [4] } }, 4),
      'malformed',
      /data_offsets/,
    ],
    ['offsets in reverse', fileOf({ w: f32([1], 4, 0) }, 4), 'malformed', /data_offsets/],
    ['offsets beyond 2^53', fileOf({ w: f32([1], 2 ** 60, 2 ** 60 + 4096) }, 4), 'malformed', /data_offsets/],
    [
      'data beyond the file',
      fileOf({ w: f32([2], 0, 8) }, 4),
      'truncated',
      /ends at byte 8 of the data, but .* only 4/,
    ],
    [
      'a length that is not the shape',
      fileOf({ w: f32([3], 0, 8) }, 8),
      'malformed',
      /has 8 bytes, but F32 \[3\] takes 12/,
    ],
    [
      'sizes whose product overflows',
      fileOf({ w: f32([2 ** 52, 2 ** 52, 2 ** 30], 0, 8) }, 8),
      'malformed',
      /has 8 bytes, but F32 .* takes 8.7/,
    ],
    [
      'overlapping tensors',
      fileOf({ b: f32([2], 4, 12), a: f32([2], 0, 8) }, 12),
      'malformed',
      /a and b overlap/,
    ],
    ['one tensor twice', fileOf('{"w":1,"w":2}', 4), 'malformed', /header: key "w" is there twice/],
  ])('refuses %s', async (_, bytes, code, message) => {
    writeFileSync(path, bytes);
    await expect(readSafetensorsHeader(path)).rejects.toMatchObject({
      name: 'CheckpointError',
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses what is not a regular file', async () => {
    const folder = join(root, 'model.safetensors');
    mkdirSync(folder);
    await expect(readSafetensorsHeader(folder)).rejects.toMatchObject({ code: 'unsupported' });
  });
});
