import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMask } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { ggufBytes, tinyGgufTensors, type GgufTensorBytes, type GgufValue } from '../test/gguf-bytes.ts';
import { DECI, DECI_SHAPES, DECI_TENSORS, deciCounts, STAND_IN_COUNTS, zeros } from '../test/tiny-deci.ts';
import { TINY_SHAPES, temporaryFolder, tinyTensors } from '../test/tiny-model.ts';
import type { TensorLocation } from './checkpoint.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { blockTensors } from './tensor-layout.ts';

const root = temporaryFolder();
let count = 0;

function open(metadata: Record<string, GgufValue>, tensors: GgufTensorBytes[]) {
  const path = join(root, `model-${count++}.gguf`);
  writeFileSync(path, ggufBytes({ ...DECI, ...metadata }, tensors));
  return openCheckpoint(path, { cacheFolder: join(root, 'cache') });
}

const bytesOf = ({ file, lengthBytes, offsetBytes }: TensorLocation) =>
  new Uint8Array(readFileSync(file).subarray(offsetBytes, offsetBytes + lengthBytes));

describe('a deci GGUF', () => {
  it('lacks the blocks that zeros stand in for, and those whose counts are 0', async () => {
    const checkpoint = await open(STAND_IN_COUNTS, DECI_TENSORS);
    const { absentBlocks, ...sizes } = checkpoint.shape;
    expect(formatMask(absentBlocks!)).toBe('mha.0+mha.2+mlp.3');
    expect(sizes).toMatchObject({ layerCount: 4, headCount: 2, kvHeadCount: 1, intermediateSize: 64 });
    expect(checkpoint.modelType).toBe('nemotron-nas');
    const blocks = checkpoint.layers.flatMap(({ mha, mlp }) => [...blockTensors(mha), ...blockTensors(mlp)]);
    const read = [checkpoint.embedding, ...blocks, checkpoint.finalNorm].map((tensor) => [
      tensor.name,
      bytesOf(tensor),
    ]);
    expect(read).toEqual(tinyTensors('float32', DECI_SHAPES).map(({ name, data }) => [name, data]));
  });

  it('may say its sizes once for all layers', async () => {
    const once = {
      'deci.block_count': { u32: 2 },
      'deci.attention.head_count': { u32: 2 },
      'deci.attention.head_count_kv': { u32: 1 },
      'deci.feed_forward_length': { u32: 64 },
    };
    const { shape } = await open(once, tinyGgufTensors());
    expect(shape).toMatchObject({ layerCount: 2, headCount: 2, kvHeadCount: 1, intermediateSize: 64 });
    expect(shape.absentBlocks).toBeUndefined();
  });

  it('whose width no multiple expresses is read all the same', async () => {
    const { shape } = await open(
      { 'deci.block_count': { u32: 1 }, ...deciCounts([2], [1], [64]) },
      tinyGgufTensors(TINY_SHAPES.filter(([name]) => !name.startsWith('model.layers.1.'))),
    );
    expect(shape).toMatchObject({ layerCount: 1, intermediateSize: 64 });
  });

  it.each<[string, Record<string, GgufValue>, string]>([
    [
      'attention without a feed-forward length',
      deciCounts([1, 2, 0, 2], [1, 1, 0, 1], [64, 64, 64, 0]),
      'layer 3 has attention and deci.feed_forward_length 0, with which llama.cpp silently leaves that attention out',
    ],
    [
      'linear attention',
      deciCounts([1, 2, 0, 2], [1, 0, 0, 1], [64, 64, 64, 8]),
      'layer 1 has 2 heads and none of keys and values, which makes it linear attention',
    ],
    [
      'blocks of two sizes',
      deciCounts([1, 2, 0, 4], [1, 1, 0, 1], [64, 64, 64, 8]),
      'layer 3 has deci.attention.head_count 4, others 2: blocks of different sizes',
    ],
    [
      'feed-forward blocks of two sizes',
      deciCounts([1, 2, 0, 2], [1, 1, 0, 1], [64, 32, 64, 8]),
      'layer 1 has deci.feed_forward_length 32, others 64',
    ],
    [
      'a list that is too short',
      deciCounts([1, 2, 0], [1, 1, 0, 1], [64, 64, 64, 8]),
      'deci.attention.head_count is a list: expected a list of 4 integers from 0 to 4096',
    ],
    [
      'a negative count',
      deciCounts([1, 2, 0, -1], [1, 1, 0, 1], [64, 64, 64, 8]),
      'expected a list of 4 integers from 0 to 4096',
    ],
    [
      'an absurd width',
      deciCounts([1, 2, 0, 2], [1, 1, 0, 1], [64, 64, 64, 2 ** 30]),
      'expected a list of 4 integers from 0 to 1048576',
    ],
    [
      'a list of texts',
      { ...STAND_IN_COUNTS, 'deci.attention.head_count': { strings: ['2', '2', '2', '2'] } },
      'expected a list of 4 integers',
    ],
    [
      'no feed-forward length',
      { ...STAND_IN_COUNTS, 'deci.feed_forward_length': { bool: true } },
      'deci.feed_forward_length is true',
    ],
    [
      'a first layer without heads, and no size of a head',
      { ...deciCounts([0, 2, 0, 2], [0, 1, 0, 1], [64, 64, 64, 8]), 'deci.attention.key_length': { u32: 0 } },
      'deci.attention.key_length is 0',
    ],
  ])('with %s is refused', async (_, metadata, message) => {
    const opened = open(metadata, DECI_TENSORS);
    await expect(opened).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringContaining(message) as string,
    });
  });

  it('with a bias behind a projection of zeros has that block', async () => {
    const bias = { ...zeros('blk.3.ffn_down.bias', 32), data: new Uint8Array(128).fill(64) };
    const opened = open(STAND_IN_COUNTS, [...DECI_TENSORS, bias]);
    await expect(opened).rejects.toThrow('layer 3 has deci.feed_forward_length 8, others 64');
  });
});
