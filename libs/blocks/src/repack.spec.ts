import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockIndex, type BlockIndex } from './block.ts';
import { makeMask, parseMask } from './mask.ts';
import { repack, type PackedLayer } from './repack.ts';

const LAYERS = 8;
const shape = { layerCount: LAYERS };
const masks = fc.subarray(Array.from({ length: 2 * LAYERS }, (_, block) => block)).map(makeMask);

function blocksOf(layers: readonly PackedLayer[]): BlockIndex[] {
  return layers.flatMap(({ mha, mlp }) => [
    ...(mha === null ? [] : [blockIndex('mha', mha)]),
    ...(mlp === null ? [] : [blockIndex('mlp', mlp)]),
  ]);
}

describe('repack', () => {
  it('keeps the order of the blocks that are left, and leaves no layer empty', () => {
    fc.assert(
      fc.property(masks, (mask) => {
        const layers = repack(shape, mask);
        const live = Array.from({ length: 2 * LAYERS }, (_, block) => block).filter((b) => !mask.includes(b));
        expect(blocksOf(layers)).toEqual(live);
        expect(layers).not.toContainEqual({ mha: null, mlp: null });
      }),
    );
  });

  it('takes as few layers as there can be: one more only where two blocks of one kind follow each other', () => {
    fc.assert(
      fc.property(masks, (mask) => {
        const layers = repack(shape, mask);
        layers.slice(1).forEach((layer, i) => {
          const joins = layers[i].mlp === null && layer.mha === null;
          expect(joins).toBe(false);
        });
      }),
    );
  });

  it('joins the attention of one layer with the feed-forward block of another', () => {
    expect(repack({ layerCount: 3 }, parseMask('mlp.0+mha.1'))).toEqual([
      { mha: 0, mlp: 1 },
      { mha: 2, mlp: 2 },
    ]);
  });

  it('takes absent blocks for removed ones', () => {
    const absent = parseMask('mha.1+mlp.2');
    fc.assert(
      fc.property(masks, (mask) => {
        const present = mask.filter((block) => !absent.includes(block));
        const all = makeMask(new Set([...mask, ...absent]));
        expect(repack({ ...shape, absentBlocks: absent }, makeMask(present))).toEqual(repack(shape, all));
      }),
    );
  });
});
