import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microBatches } from './micro-batch.ts';
import { candidateStreams, groupsAt } from './stage-streams.ts';
import { planWaves, type Wave } from './stage-waves.ts';

const HIDDEN = 4;
/** Bytes of one group of one row of 9 tokens. */
const STATE = 8 * HIDDEN * 4;
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

const rowsOf = (count: number) =>
  microBatches(
    Array.from({ length: count }, (_, index) => ({ index, tokenIds: new Int32Array(9) })),
    { microBatchRows: 1, rowBucketTokens: 1 },
  );
const waves = (rows: number, candidates: number[], budgetBytes: number, perSegment = 1): Wave[] =>
  planWaves(rowsOf(rows), candidateStreams({ base: [], candidates, baseline: true }, perSegment), true, {
    budgetBytes,
    hiddenSize: HIDDEN,
    lastBoundary: 4,
  });
const sizes = (planned: Wave[]): number[][] =>
  planned.map(({ batches, streams }) => [batches.length, streams.length]);

describe('waves', () => {
  it('hold as many rows as their states fit: the baseline and the candidates before the last stage', () => {
    expect(sizes(waves(5, ALL, 10 * STATE))).toEqual([
      [2, 8],
      [2, 8],
      [1, 8],
    ]);
    expect(sizes(waves(5, ALL, 100 * STATE))).toEqual([[5, 8]]);
  });

  it('cut the candidates of a row whose states do not fit, and score the baseline once', () => {
    const planned = waves(2, ALL, 3 * STATE);
    expect(sizes(planned)).toEqual([
      [1, 2],
      [1, 6],
      [1, 2],
      [1, 6],
    ]);
    expect(planned.map(({ baseline }) => baseline)).toEqual([false, true, false, true]);
  });

  it('count the baseline that goes with each segment', () => {
    const streams = candidateStreams({ base: [], candidates: ALL, baseline: false }, 3);
    expect(streams.map((stream) => groupsAt(stream, 4))).toEqual([4, 2, 0]);
    expect(sizes(waves(3, ALL, 14 * STATE, 3))).toEqual([
      [2, 3],
      [1, 3],
    ]);
  });

  it('have one stream at least, however small the budget', () => {
    expect(sizes(waves(1, [0, 2, 6], 0))).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  it('of a single stage hold everything: nothing waits', () => {
    const streams = candidateStreams({ base: [], candidates: ALL, baseline: true }, 1);
    const limits = { budgetBytes: 0, hiddenSize: HIDDEN, lastBoundary: 0 };
    expect(sizes(planWaves(rowsOf(3), streams, true, limits))).toEqual([[3, 8]]);
    expect(planWaves(rowsOf(3), [], false, limits)).toEqual([]);
  });

  it('have each candidate of each row once', () => {
    const subsets = fc.subarray(ALL);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        subsets,
        fc.nat({ max: 40 }),
        fc.integer({ min: 1, max: 4 }),
        (rows, candidates, states, perSegment) => {
          const cells = waves(rows, candidates, states * STATE, perSegment).flatMap((wave) =>
            wave.batches.flatMap(({ rowIndices }) => [
              ...wave.streams.flatMap((stream) =>
                stream.candidates.map((each) => `${rowIndices[0]}/${each}`),
              ),
              ...(wave.baseline ? [`${rowIndices[0]}/base`] : []),
            ]),
          );
          expect(new Set(cells).size).toBe(cells.length);
          expect(cells).toHaveLength(rows * (candidates.length + 1));
        },
      ),
    );
  });
});
