import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlockList } from './block-list.ts';
import { formatBlock } from './block.ts';

describe('parseBlockList', () => {
  it('reads blocks and whole layers, in the order given', () => {
    expect(parseBlockList('mlp.3, mha.0,layer.2', 4)).toEqual([7, 0, 4, 5]);
    expect(parseBlockList('mha.3+mlp.7')).toEqual([6, 15]);
  });

  it('reads back what formatBlock writes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1 }),
        fc.constantFrom(',', '+', ' , '),
        (blocks, comma) => {
          expect(parseBlockList(blocks.map(formatBlock).join(comma))).toEqual(blocks);
        },
      ),
    );
  });

  it.each([
    ['', /"" is not a block/],
    ['mha.1,', /"" is not a block/],
    ['mha', /"mha" is not a block/],
    ['layer.x', /"layer\.x" is not a layer: write layer\.<number>/],
    ['layer.-1', /is not a layer/],
    ['layer.4', /layer\.4 does not exist: the model has layers 0 to 3 \(4 layers\)/],
    ['mlp.4', /block mlp\.4 does not exist/],
  ])('refuses %s', (text, message) => {
    expect(() => parseBlockList(text, 4)).toThrow(message);
  });
});
