import { describe, expect, it } from 'vitest';
import { seededOrder } from './seeded-order.ts';

describe('a seeded order', () => {
  it('has each row once, and another seed has another one', () => {
    expect(seededOrder(20, 1).toSorted((a, b) => a - b)).toEqual([...new Array(20).keys()]);
    expect(seededOrder(20, 1)).not.toEqual(seededOrder(20, 2));
  });
});
