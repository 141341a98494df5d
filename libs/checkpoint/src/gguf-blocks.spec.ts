import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GGUF_TENSOR_TYPES, ggufTypeName } from './gguf-blocks.ts';

const path = new URL('../test/fixtures/gguf-blocks.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { bytes: string; sha256: string }>;

const typeNamed = (name: string) => [...GGUF_TENSOR_TYPES.values()].find((type) => type.name === name)!;

function decode(name: string, bytes: Uint8Array): Float32Array {
  const type = typeNamed(name);
  const decoded = new Float32Array((bytes.length / type.bytes) * type.elements);
  type.decode(bytes, decoded);
  return decoded;
}

describe('GGUF blocks', () => {
  it.each(Object.keys(fixture))('%s decodes to the very bits of the reference implementation', (key) => {
    const { buffer } = decode(key.split(' ')[0], Buffer.from(fixture[key].bytes, 'base64'));
    expect(createHash('sha256').update(Buffer.from(buffer)).digest('hex')).toBe(fixture[key].sha256);
  });

  it('every type but F32 is compared with the reference', () => {
    const compared = new Set(Object.keys(fixture).map((key) => key.split(' ')[0]));
    const names = [...GGUF_TENSOR_TYPES.values()].map(({ name }) => name).filter((name) => name !== 'F32');
    expect([...compared].sort()).toEqual(names.sort());
  });

  it('F32 passes through, from any alignment', () => {
    expect([...decode('F32', Buffer.from('ff0000c03f0000c0bf', 'hex').subarray(1))]).toEqual([1.5, -1.5]);
  });

  it.each(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K'])(
    '%s with scales that are not finite decodes to values that are not',
    (name) => {
      const { bytes } = typeNamed(name);
      const values = decode(name, new Uint8Array(bytes).fill(0x7c));
      expect(values.some(Number.isFinite)).toBe(false);
    },
  );

  it('types have the names that people know', () => {
    expect([0, 3, 12, 9, 11, 15, 23, 24, 29, 31, 35, 39, 41, 4, 99].map(ggufTypeName)).toEqual([
      ...['F32', 'Q4_1', 'Q4_K', 'Q8_1', 'Q3_K', 'Q8_K', 'IQ4_XS', 'I8', 'IQ1_M', 'Q4_0_4_4', 'TQ2_0'],
      ...['MXFP4', 'Q1_0', 'number 4', 'number 99'],
    ]);
  });
});
