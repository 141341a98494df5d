import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, TINY_MODELS, writeTinyModel } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { decodeFloats } from './dtype.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import type { TensorLocation } from './checkpoint.ts';
import { widenToFloat32 } from './widen.ts';

it('writes the values of 16-bit tensors as float32, of the layers asked for and of the head behind the last', async () => {
  const folder = temporaryFolder();
  try {
    await writeTinyModel(folder.path, TINY_MODELS['llama-bf16-sharded']);
    const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    const file = join(folder.path, 'widened.bin');
    const widened = await widenToFloat32(checkpoint, file, { start: 1, end: 4 });
    const inner = await widenToFloat32(checkpoint, join(folder.path, 'inner.bin'), { start: 1, end: 3 });
    expect([inner.head, inner.layers[3]]).toEqual([checkpoint.head, checkpoint.layers[3]]);
    expect(widened.layers[0]).toBe(checkpoint.layers[0]);
    const values = (tensor: TensorLocation): number[] => {
      const { offsetBytes, lengthBytes } = tensor;
      const bytes = readFileSync(tensor.file).subarray(offsetBytes, offsetBytes + lengthBytes);
      return [...decodeFloats(tensor.dtype, new Uint8Array(bytes))];
    };
    for (const [wide, stored] of [
      [widened.layers[1].mha!.q.weight, checkpoint.layers[1].mha!.q.weight],
      [widened.layers[2].mlp!.down.weight, checkpoint.layers[2].mlp!.down.weight],
      [widened.layers[2].mlp!.norm, checkpoint.layers[2].mlp!.norm],
      [widened.finalNorm, checkpoint.finalNorm],
      [widened.head, checkpoint.head],
    ]) {
      expect([wide.dtype, wide.file]).toEqual(['float32', file]);
      expect(values(wide)).toEqual(values(stored));
    }
  } finally {
    folder.remove();
  }
});
