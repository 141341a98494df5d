import { describe, expect, it } from 'vitest';
import { compareScores } from './export-check.ts';

const EXPECTED = { against: 'the source', scores: [2, 3] };
const found = (...scores: number[]) => ({ by: 'our engine', scores });

describe('the scores of an export', () => {
  it('may be off by what is allowed', () => {
    expect(compareScores(EXPECTED, found(2, 3.004), 'out', 5e-3)).toMatchObject({
      rows: 2,
      by: 'our engine',
    });
    expect(compareScores(EXPECTED, found(2, 3.004), 'out', 5e-3).differenceNats).toBeCloseTo(0.004, 10);
  });

  it.each([
    [[2, 3.1], 'row 1 scores 3.1 nats, the source 3, and 0.00001 may be between them'],
    [[2.5, 3.1], 'row 0 scores 2.5 nats'],
    [[2, NaN], 'row 1 scores NaN nats'],
    [[NaN, 3], 'row 0 scores NaN nats'],
    [[2], 'row 1 scores undefined nats'],
    [[Infinity, 3], 'row 0 scores Infinity nats'],
  ])('are refused as %j', (scores, reason) => {
    expect(() => compareScores(EXPECTED, found(...scores), 'out', 1e-5)).toThrow(reason);
  });
});
