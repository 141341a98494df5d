import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headChunkTokens, microBatches } from './micro-batch.ts';

const rows = fc
  .array(fc.array(fc.nat({ max: 99 }), { minLength: 2, maxLength: 6 }), { maxLength: 20 })
  .map((list) => list.map((ids, index) => ({ index, tokenIds: Int32Array.from(ids) })));

describe('micro-batches', () => {
  it('hold every row once, never two lengths together, never more than allowed', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (list, most) => {
        const batches = microBatches(list, { microBatchRows: most, rowBucketTokens: 1 });
        expect(batches.flatMap((batch) => batch.rowIndices).sort((a, b) => a - b)).toEqual(
          list.map((row) => row.index),
        );
        for (const batch of batches) {
          expect(batch.rows.length).toBeLessThanOrEqual(most);
          expect(new Set(batch.rows.map((row) => row.tokenIds.length)).size).toBe(1);
        }
      }),
    );
  });

  it('pair each position with the token after it', () => {
    const [batch] = microBatches(
      [
        { index: 4, tokenIds: Int32Array.of(7, 8, 9) },
        { index: 2, tokenIds: Int32Array.of(1, 2, 3) },
      ],
      { microBatchRows: 2, rowBucketTokens: 1 },
    );
    expect(batch.positions).toBe(2);
    expect([...batch.inputIds]).toEqual([7, 8, 1, 2]);
    expect([...batch.targets]).toEqual([8n, 9n, 2n, 3n]);
  });
});

describe('padded micro-batches', () => {
  it('hold each row in front and nothing but padding behind it', () => {
    const rows = [5, 9].map((first, index) => ({ index, tokenIds: Int32Array.of(first, 8, 9, 3, 1, 7) }));
    const [batch] = microBatches(rows, { microBatchRows: 2, rowBucketTokens: 4 });
    expect([batch.targetCount, batch.positions]).toEqual([5, 8]);
    expect([...batch.inputIds]).toEqual([5, 8, 9, 3, 1, 0, 0, 0, 9, 8, 9, 3, 1, 0, 0, 0]);
    expect([...batch.targets].map(Number)).toEqual([8, 9, 3, 1, 7, 0, 0, 0, 8, 9, 3, 1, 7, 0, 0, 0]);
  });
});

describe('head chunks', () => {
  it('cover a row in the fewest chunks, with less padding than there are chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 600 }), (positions, most) => {
        const chunk = headChunkTokens(positions, most);
        const count = Math.ceil(positions / most);
        expect(chunk).toBeLessThanOrEqual(most);
        expect(chunk * count).toBeGreaterThanOrEqual(positions);
        expect(chunk * count - positions).toBeLessThan(count);
      }),
    );
  });
});
