import { describe, expect, it } from 'vitest';
import type { PlannedFile } from './planned-file.ts';
import { MAX_SHARD_BYTES, safetensorsFiles } from './safetensors-files.ts';
import { zeroTensor } from './source-rows.ts';

async function bytesOf(file: PlannedFile, offsetBytes = 0): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read(offsetBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Three tensors of 40 bytes. */
const TENSORS = ['a', 'b', 'c'].map((name) => zeroTensor(name, [10], 'float32'));

describe('safetensorsFiles', () => {
  it('writes one file where everything fits', () => {
    const files = safetensorsFiles(TENSORS, 120);
    expect(files.map(({ name }) => name)).toEqual(['model.safetensors']);
  });

  it('starts a shard where a tensor would be too much, and lists which has which', async () => {
    const files = safetensorsFiles(TENSORS, 119);
    const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    expect(files.map(({ name }) => name)).toEqual([first, second, 'model.safetensors.index.json']);
    expect(JSON.parse((await bytesOf(files[2])).toString())).toEqual({
      metadata: { total_size: 120 },
      weight_map: { a: first, b: first, c: second },
    });
  });

  it('gives a tensor beyond the limit a shard of its own', () => {
    expect(safetensorsFiles(TENSORS, 10)).toHaveLength(4);
    expect(MAX_SHARD_BYTES).toBe(5e9);
  });

  it('makes the bytes from any place on', async () => {
    const [file] = safetensorsFiles(TENSORS);
    const whole = await bytesOf(file);
    expect(whole.length).toBe(file.sizeBytes);
    for (const offset of [0, 3, 8, whole.length - 81, whole.length - 1, whole.length]) {
      expect((await bytesOf(file, offset)).equals(whole.subarray(offset))).toBe(true);
    }
  });
});
