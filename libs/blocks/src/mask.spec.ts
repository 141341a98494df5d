import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DENSE, extendMask, formatMask, isRemoved, makeMask, maskBelow, parseMask } from './mask.ts';

const blocks = fc.uniqueArray(fc.nat({ max: 200 }), { maxLength: 40 });

describe('mask', () => {
  it('does not depend on the order in which blocks were removed', () => {
    fc.assert(
      fc.property(blocks, (list) => {
        const stepByStep = list.reduce((mask, block) => extendMask(mask, block), DENSE);
        expect(stepByStep).toEqual(makeMask([...list].reverse()));
        expect(list.every((block) => isRemoved(stepByStep, block))).toBe(true);
      }),
    );
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(blocks, (list) => {
        expect(parseMask(formatMask(makeMask(list)))).toEqual(makeMask(list));
      }),
    );
    expect(formatMask([6, 15])).toBe('mha.3+mlp.7');
    expect(formatMask(DENSE)).toBe('dense');
  });

  it('refuses a block twice, and one that the model does not have', () => {
    expect(() => makeMask([3, 7, 3])).toThrow('block mlp.1 is named twice in one mask');
    expect(() => extendMask([3], 3)).toThrow('named twice');
    expect(() => parseMask('mha.3+mlp.9', 8)).toThrow('block mlp.9 does not exist');
    expect(() => parseMask('mha.3++mlp.1')).toThrow('"" is not a block');
  });

  it('keeps only what a prefix state depends on', () => {
    expect(maskBelow([1, 4, 6], 6)).toEqual([1, 4]);
  });
});
