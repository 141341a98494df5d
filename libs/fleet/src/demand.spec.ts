import { describe, expect, it } from 'vitest';
import { rowsToCompute } from './demand.ts';

const demand = (candidates: number[], rows: number[], laterRows: number[]) => ({
  sweep: { base: [], candidates, baseline: false },
  rows,
  laterRows,
});
const all = (): boolean => true;

describe('the rows to compute', () => {
  it('are those wanted where they keep all workers busy', () => {
    expect(rowsToCompute(demand([0, 1, 2, 3, 4, 5, 6, 7], [9], [3, 5]), 2, all)).toEqual([9]);
    expect(rowsToCompute(demand([0, 1], [4, 9], []), 64, all)).toEqual([4, 9]);
  });

  it('go on with later ones, in their order, until each worker has some cells', () => {
    expect(rowsToCompute(demand([0, 1, 2], [9], [3, 7, 5, 1]), 2, all)).toEqual([3, 7, 9]);
    expect(rowsToCompute(demand([0, 1, 2], [9], [3, 7, 5, 1]), 64, all)).toEqual([1, 3, 5, 7, 9]);
  });

  it('do not count what is there already', () => {
    const isMissing = ({ row }: { row: number }): boolean => row !== 3;
    expect(rowsToCompute(demand([0, 1, 2], [9], [3, 7, 5, 1]), 2, isMissing)).toEqual([3, 5, 7, 9]);
  });

  it('are all of them where one candidate is left', () => {
    expect(rowsToCompute(demand([0], [9], [3, 7]), 1, all)).toEqual([3, 7, 9]);
  });
});
