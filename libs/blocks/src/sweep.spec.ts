import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSweep, segmentsOf } from './sweep.ts';

const candidates = fc
  .uniqueArray(fc.nat({ max: 127 }), { maxLength: 60 })
  .map((list) => list.sort((a, b) => a - b));

describe('sweep', () => {
  it('is cut into segments that hold every candidate once, in order', () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 1, max: 70 }), (list, most) => {
        const segments = segmentsOf({ base: [], candidates: list, baseline: false }, most);
        expect(segments.flatMap((segment) => segment.candidates)).toEqual(list);
        for (const { start, end, candidates: part } of segments) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(most);
          expect([start, end]).toEqual([part[0], part[part.length - 1] + 1]);
        }
      }),
    );
  });

  it('of whole layers ends its segments behind the last layer', () => {
    const sweep = { base: [], candidates: [0, 2, 6], unit: 'layer' as const, baseline: false };
    expect(segmentsOf(sweep, 2)).toEqual([
      { start: 0, end: 4, candidates: [0, 2] },
      { start: 6, end: 8, candidates: [6] },
    ]);
  });

  it.each([
    [
      { base: [], candidates: [1], unit: 'layer' as const },
      'candidate mlp.0 is not the first block of a layer',
    ],
    [{ base: [3], candidates: [2], unit: 'layer' as const }, 'candidate layer.1 is already removed in mlp.1'],
    [{ base: [], candidates: [8] }, 'block index 8 is outside the model'],
    [{ base: [-1], candidates: [] }, 'block index -1 is outside the model'],
    [{ base: [], candidates: [1.5] }, 'block index 1.5 is outside the model'],
    [{ base: [2], candidates: [1, 2] }, 'candidate mha.1 is already removed in mha.1'],
    [{ base: [], candidates: [3, 2] }, 'candidates must ascend: mha.1 follows mlp.1'],
    [{ base: [], candidates: [3, 3] }, 'candidates must ascend'],
  ])('refuses %j', (sweep, message) => {
    expect(() => checkSweep({ ...sweep, baseline: false }, 8)).toThrow(message);
  });
});
