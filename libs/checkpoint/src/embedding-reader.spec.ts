import { truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, tinyTensors, tinyValues, writeTinyFolder } from '../test/tiny-model.ts';
import type { Dtype } from './dtype.ts';
import { EmbeddingReader } from './embedding-reader.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const folder = temporaryFolder();

async function openReader(dtype: Dtype) {
  await writeTinyFolder(folder, {}, tinyTensors(dtype));
  const checkpoint = await openCheckpoint(folder, { cacheFolder: folder });
  return { file: checkpoint.embedding.file, reader: new EmbeddingReader(checkpoint) };
}

describe('EmbeddingReader', () => {
  it.each<Dtype>(['float32', 'float16'])(
    'gives the rows of %s tokens in the order asked, repeated ones too',
    async (dtype) => {
      const { reader } = await openReader(dtype);
      const table = tinyValues([24, 32], 0);
      const rows = [23, 0, 7, 7].flatMap((token) => [...table.subarray(token * 32, (token + 1) * 32)]);
      expect(reader.read(Int32Array.of(23, 0, 7, 7))).toEqual(Float32Array.from(rows));
      expect(reader.read(new Int32Array(0))).toEqual(new Float32Array(0));
      reader.close();
    },
  );

  it('refuses token ids outside the vocabulary', async () => {
    const { reader } = await openReader('float32');
    expect(() => reader.read(Int32Array.of(0, 24))).toThrow(
      new RangeError('token id 24 is outside the vocabulary of 24 tokens'),
    );
    expect(() => reader.read(Int32Array.of(-1))).toThrow(RangeError);
    reader.close();
  });

  it('notices that the file became shorter', async () => {
    const { file, reader } = await openReader('float32');
    truncateSync(file, 3000);
    expect(() => reader.read(Int32Array.of(23))).toThrow(expect.objectContaining({ code: 'truncated' }));
    reader.close();
  });
});
