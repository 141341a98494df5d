import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GGUF_TENSOR_TYPES, ggufTypeName } from './gguf-blocks.ts';

const path = new URL('../test/fixtures/gguf-blocks.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { bytes: string; values: string }>;

describe('GGUF blocks', () => {
  it.each(Object.keys(fixture))('%s decodes to the very bits of the reference implementation', (key) => {
    const type = [...GGUF_TENSOR_TYPES.values()].find(({ name }) => name === key.split(' ')[0])!;
    const bytes = Buffer.from(fixture[key].bytes, 'base64');
    const decoded = new Float32Array((bytes.length / type.bytes) * type.elements);
    type.decode(bytes, decoded);
    expect(Buffer.from(decoded.buffer).toString('base64')).toBe(fixture[key].values);
  });

  it('F32 passes through, from any alignment', () => {
    const out = new Float32Array(2);
    GGUF_TENSOR_TYPES.get(0)!.decode(Buffer.from('0000c03f0000c0bf00', 'hex').subarray(0, 8), out);
    expect([...out]).toEqual([1.5, -1.5]);
  });

  it('types have the names that people know', () => {
    expect([0, 3, 12, 99].map(ggufTypeName)).toEqual(['F32', 'Q4_1', 'Q4_K', 'number 99']);
  });
});
