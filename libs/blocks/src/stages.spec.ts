import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SMOLLM2 } from '../test/smollm2-shape.ts';
import { largestStageBytes, stageBytes, stageRanges } from './stages.ts';

const FP32 = { bytesPerWeight: 4 } as const;

const shapes = fc.record({
  layerCount: fc.integer({ min: 1, max: 12 }),
  vocabSize: fc.integer({ min: 1, max: 200_000 }),
  mhaParameters: fc.integer({ min: 1, max: 1_000_000 }),
});
const formats = fc.constantFrom({ bytesPerWeight: 2 } as const, FP32);

describe('stage ranges', () => {
  it('leave the head room in the last stage', () => {
    expect(stageRanges(SMOLLM2, 1, FP32)).toEqual([{ start: 0, end: 60 }]);
    expect(stageRanges(SMOLLM2, 2, FP32)).toEqual([
      { start: 0, end: 38 },
      { start: 38, end: 60 },
    ]);
    const five = stageRanges(SMOLLM2, 5, FP32).map(({ start, end }) => (end - start) / 2);
    expect(five).toEqual([8, 7, 7, 7, 1]);
  });

  it('are as large as the blocks that are there', () => {
    const dense = { ...SMOLLM2, absentBlocks: [] };
    const pruned = { ...SMOLLM2, absentBlocks: [0, 3, 58] };
    const saved = (start: number, end: number): number =>
      stageBytes(dense, { start, end }, FP32) - stageBytes(pruned, { start, end }, FP32);
    expect(saved(0, 4)).toBe(4 * (SMOLLM2.mhaParameters + SMOLLM2.mlpParameters));
    expect(saved(4, 8)).toBe(0);
    expect(saved(56, 60)).toBe(4 * SMOLLM2.mhaParameters);
  });

  it('are whole layers, one behind the other, all of the model', () => {
    fc.assert(
      fc.property(shapes, formats, fc.nat(), (sizes, format, seed) => {
        const shape = { ...SMOLLM2, ...sizes };
        const stages = 1 + (seed % shape.layerCount);
        const ranges = stageRanges(shape, stages, format);
        expect(ranges).toHaveLength(stages);
        let next = 0;
        for (const { start, end } of ranges) {
          expect(start).toBe(next);
          expect(start % 2).toBe(0);
          expect(end).toBeGreaterThanOrEqual(start + 2);
          next = end;
        }
        expect(next).toBe(2 * shape.layerCount);
      }),
    );
  });

  it('have a largest stage that no other cut makes smaller', () => {
    fc.assert(
      fc.property(shapes, formats, fc.nat(), (sizes, format, seed) => {
        const shape = { ...SMOLLM2, ...sizes, layerCount: Math.min(sizes.layerCount, 8) };
        const stages = 1 + (seed % shape.layerCount);
        const largests = allCuts(shape.layerCount, stages).map((cuts) =>
          Math.max(...cuts.map((stage) => stageBytes(shape, stage, format))),
        );
        expect(largestStageBytes(shape, stages, format)).toBe(Math.min(...largests));
      }),
    );
  });

  it.each([0, 31, 1.5, Number.NaN])('are refused for %d stages', (stages) => {
    expect(() => stageRanges(SMOLLM2, stages, FP32)).toThrow(
      /stages cannot be made of 30 layers: ask for a whole number from 1 to 30/,
    );
  });
});

/** Every way to cut layers into stages, as block ranges. */
function allCuts(layers: number, stages: number, from = 0): { start: number; end: number }[][] {
  if (stages === 1) return [[{ start: 2 * from, end: 2 * layers }]];
  const cuts = [];
  for (let end = from + 1; end <= layers - stages + 1; end++) {
    for (const rest of allCuts(layers, stages - 1, end)) {
      cuts.push([{ start: 2 * from, end: 2 * end }, ...rest]);
    }
  }
  return cuts;
}
