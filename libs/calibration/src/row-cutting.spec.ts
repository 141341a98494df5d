import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutRows } from './row-cutting.ts';

describe('cutRows', () => {
  it('keeps every token in order, in rows of one length, and counts the tail', () => {
    fc.assert(
      fc.property(fc.int32Array({ maxLength: 100 }), fc.integer({ min: 1, max: 30 }), (ids, rowTokens) => {
        const { rows, droppedTokens } = cutRows(ids, rowTokens);
        expect(rows.every((row) => row.length === rowTokens)).toBe(true);
        expect(droppedTokens).toBeLessThan(rowTokens);
        expect(rows.flatMap((row) => [...row])).toEqual([...ids.subarray(0, ids.length - droppedTokens)]);
      }),
    );
  });
});
