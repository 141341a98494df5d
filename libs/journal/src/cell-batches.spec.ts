import { describe, expect, it } from 'vitest';
import { cellsOf } from '../test/example-values.ts';
import { cellBatches } from './cell-batches.ts';
import { MAX_RECORD_BYTES } from './cell-record.ts';

describe('cellBatches', () => {
  it('keeps the order and never mixes masks', () => {
    const cells = [...cellsOf([]), ...cellsOf([2]), ...cellsOf([])];
    const batches = cellBatches(cells);
    expect(batches.map((batch) => batch.length)).toEqual([10, 8, 10]);
    expect(batches.flat()).toEqual(cells);
  });

  it('splits what would not fit one record', () => {
    const windowSums = new Float64Array(MAX_RECORD_BYTES / 8 / 2);
    const cells = [0, 1, 2].map((row) => ({ mask: [], candidate: null, row, windowSums }));
    expect(cellBatches(cells).map((batch) => batch.length)).toEqual([1, 1, 1]);
  });

  it('makes nothing of nothing', () => {
    expect(cellBatches([])).toEqual([]);
  });
});
