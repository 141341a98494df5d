import { describe, expect, it } from 'vitest';
import { temporaryFolder, TINY_SHAPES, tinyTensors, writeTinyFolder } from '../test/tiny-model.ts';
import { encodeFloats, decodeFloats, type Dtype } from './dtype.ts';
import { findBeyondFloat16, findNonFinite } from './non-finite.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const folder = temporaryFolder();

/** Opens the tiny model with single weights replaced: [tensor, element, value]. */
async function openWith(
  dtype: Dtype,
  replaced: [string, number, number][],
  config = {},
  shapes = TINY_SHAPES,
) {
  const tensors = tinyTensors(dtype, shapes).map((tensor) => {
    const values = decodeFloats(dtype, tensor.data);
    for (const [name, element, value] of replaced) if (name === tensor.name) values[element] = value;
    return { ...tensor, data: encodeFloats(dtype, values) };
  });
  return openCheckpoint(await writeTinyFolder(folder, config, tensors), { cacheFolder: folder });
}

describe('findNonFinite', () => {
  it.each<Dtype>(['float32', 'float16', 'bfloat16'])(
    'finds nothing in finite %s weights, however large',
    async (dtype) => {
      const checkpoint = await openWith(dtype, [['model.norm.weight', 0, 65504]]);
      const totals: [number, number][] = [];
      expect(await findNonFinite(checkpoint, (done, total) => totals.push([done, total]))).toBeNull();
      const bytes = checkpoint.shape.totalParameters * (dtype === 'float32' ? 4 : 2);
      expect(totals.at(-1)).toEqual([bytes, bytes]);
    },
  );

  it.each<[Dtype, string, number, number, string | null]>([
    ['float32', 'model.layers.1.self_attn.k_proj.weight', 511, NaN, 'mha.1'],
    ['float16', 'model.layers.0.mlp.down_proj.weight', 0, -Infinity, 'mlp.0'],
    ['bfloat16', 'model.layers.1.post_attention_layernorm.weight', 31, Infinity, 'mlp.1'],
    ['float32', 'model.embed_tokens.weight', 767, NaN, null],
    ['float32', 'model.norm.weight', 3, Infinity, null],
  ])('names the block of a bad %s weight in %s', async (dtype, tensor, element, value, block) => {
    const checkpoint = await openWith(dtype, [[tensor, element, value]]);
    expect(await findNonFinite(checkpoint)).toEqual({ tensor, block, element, value: String(value) });
  });

  it('gives the first one in execution order', async () => {
    const checkpoint = await openWith('float32', [
      ['model.layers.1.self_attn.q_proj.weight', 5, NaN],
      ['model.layers.0.mlp.up_proj.weight', 9, NaN],
    ]);
    expect(await findNonFinite(checkpoint)).toMatchObject({ block: 'mlp.0', element: 9 });
  });

  it('looks into an untied head', async () => {
    const shapes: typeof TINY_SHAPES = [...TINY_SHAPES, ['lm_head.weight', [24, 32]]];
    const checkpoint = await openWith(
      'float32',
      [['lm_head.weight', 8, NaN]],
      { tie_word_embeddings: false },
      shapes,
    );
    expect(await findNonFinite(checkpoint)).toMatchObject({ tensor: 'lm_head.weight', block: null });
  });
});

describe('findBeyondFloat16', () => {
  const NAME = 'model.layers.1.self_attn.k_proj.weight';

  it.each<[Dtype, number, string | null]>([
    ['float32', 65519.99, null],
    ['float32', 65520, '65520'],
    ['float32', -1e30, String(Math.fround(-1e30))],
    ['bfloat16', 65280, null],
    ['bfloat16', -65536, '-65536'],
    ['float16', 65504, null],
  ])('of %s %d finds %s', async (dtype, value, found) => {
    const checkpoint = await openWith(dtype, [[NAME, 7, value]]);
    const expected = { tensor: NAME, block: 'mha.1', element: 7, value: found };
    expect(await findBeyondFloat16(checkpoint)).toEqual(found === null ? null : expected);
  });
});
