import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ggufBytes, smallTensor } from '../test/gguf-bytes.ts';
import { temporaryFolder } from '../test/tiny-model.ts';
import { readGgufHeader } from './gguf-header.ts';

const path = join(temporaryFolder(), 'model.gguf');

describe('readGgufHeader', () => {
  it.each([2, 3])(
    'reads version %d: metadata, and tensors with the outermost dimension first',
    async (version) => {
      const metadata = {
        a: { u32: 7 },
        u16: { u16: 65535 },
        i32: { i32: -7 },
        b: { u64: 2n ** 40n },
        c: { f32: 1e-5 },
        d: { bool: true },
        e: { string: 'é' },
        unread: { strings: ['x', 'y'] },
        'tokenizer.ggml.tokens': { strings: ['x', 'y'] },
        'tokenizer.ggml.token_type': { i32s: [3, 1] },
      };
      const bytes = ggufBytes(
        metadata,
        [smallTensor(), smallTensor({ name: 'v', type: 8, dimensions: [32], data: new Uint8Array(34) })],
        version,
      );
      writeFileSync(path, bytes);
      const gguf = await readGgufHeader(path);
      expect(gguf.metadata).toEqual({
        ...{ a: 7, u16: 65535, i32: -7, b: 2 ** 40, c: 1e-5, d: true, e: 'é', unread: [] },
        'tokenizer.ggml.tokens': ['x', 'y'],
        'tokenizer.ggml.token_type': [3, 1],
      });
      expect([...gguf.tensors.values()]).toEqual([
        expect.objectContaining({ name: 'w', shape: [2, 4], offsetBytes: gguf.headerBytes, lengthBytes: 32 }),
        expect.objectContaining({
          name: 'v',
          shape: [32],
          offsetBytes: gguf.headerBytes + 32,
          lengthBytes: 34,
        }),
      ]);
      expect(bytes.length).toBe(gguf.headerBytes + 32 + 64);
    },
  );

  it('reads strings that lie across the window of a MiB', async () => {
    const long = 'ab'.repeat(600_000);
    writeFileSync(path, ggufBytes({ a: { string: long }, b: { string: long }, c: { u32: 5 } }, []));
    expect((await readGgufHeader(path)).metadata).toEqual({ a: long, b: long, c: 5 });
  });
});
