import { describe, expect, it } from 'vitest';
import { buildRemovalOrder } from './removal-order.ts';

describe('buildRemovalOrder', () => {
  it('lists the removed blocks under their number, sorted by layer with mha before mlp', () => {
    expect(JSON.stringify(buildRemovalOrder(['mha.28', 'mlp.7', 'mha.7']))).toBe(
      '{"1":[["mha",28]],"2":[["mlp",7],["mha",28]],"3":[["mha",7],["mlp",7],["mha",28]]}',
    );
  });

  it('keeps the keys in numeric order beyond nine blocks', () => {
    const order = buildRemovalOrder(Array.from({ length: 11 }, (_, layer) => `mha.${layer}`));
    expect(Object.keys(order)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11']);
  });

  it('begins with the start mask, where there is one, and counts its blocks too', () => {
    expect(JSON.stringify(buildRemovalOrder(['mha.0'], [3, 4]))).toBe(
      '{"2":[["mlp",1],["mha",2]],"3":[["mha",0],["mlp",1],["mha",2]]}',
    );
    expect(Object.keys(buildRemovalOrder([], [3, 4]))).toEqual(['2']);
    expect(() => buildRemovalOrder(['mlp.1'], [3])).toThrow(/mlp\.1 is named twice/);
  });

  it('is empty when nothing was removed', () => {
    expect(buildRemovalOrder([])).toEqual({});
  });

  it('refuses a block that is removed twice', () => {
    expect(() => buildRemovalOrder(['mha.1', 'mha.1'])).toThrow(/mha\.1 is named twice/);
  });
});
