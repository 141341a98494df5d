import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blockIndex,
  blockKind,
  blockLayer,
  blocksOfType,
  compareTie,
  formatBlock,
  parseBlock,
} from './block.ts';

const block = fc.nat({ max: 4095 });

describe('block', () => {
  it('numbers blocks in execution order: attention, then feed-forward, layer by layer', () => {
    expect([blockIndex('mha', 0), blockIndex('mlp', 0), blockIndex('mha', 1), blockIndex('mlp', 12)]).toEqual(
      [0, 1, 2, 25],
    );
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(block, (index) => {
        expect(parseBlock(formatBlock(index))).toBe(index);
        expect(blockIndex(blockKind(index), blockLayer(index))).toBe(index);
      }),
    );
  });

  it.each([
    'mha',
    'mha.',
    'mha.-1',
    'mha.01',
    'mha.1.5',
    'MHA.1',
    'attn.1',
    ' mha.1',
    'mha.1 ',
    'mha.9999999',
    '',
  ])('refuses %j by name', (text) => {
    expect(() => parseBlock(text)).toThrow(`"${text}" is not a block`);
  });

  it('names the layers there are when one is out of range', () => {
    expect(parseBlock('mlp.29', 30)).toBe(59);
    expect(() => parseBlock('mlp.30', 30)).toThrow(
      'block mlp.30 does not exist: the model has layers 0 to 29 (30 layers)',
    );
  });

  it('lists the blocks of a type', () => {
    expect(blocksOfType('mix', 2)).toEqual([0, 1, 2, 3]);
    expect(blocksOfType('mha', 3)).toEqual([0, 2, 4]);
    expect(blocksOfType('mlp', 3)).toEqual([1, 3, 5]);
  });

  it('breaks ties as the paper does: attention first, then the lower layer', () => {
    const order = [5, 4, 1, 0, 3, 2].sort(compareTie);
    expect(order.map(formatBlock)).toEqual(['mha.0', 'mha.1', 'mha.2', 'mlp.0', 'mlp.1', 'mlp.2']);
  });
});
