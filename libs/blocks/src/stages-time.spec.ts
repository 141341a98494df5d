import { describe, expect, it } from 'vitest';
import { sweepFlops } from './cost.ts';
import type { ModelShape } from './model-shape.ts';
import { leastWaveRows, waveTime } from './stages-time.ts';

const SHAPE: ModelShape = {
  layerCount: 30,
  hiddenSize: 576,
  intermediateSize: 1536,
  headCount: 9,
  kvHeadCount: 3,
  headSize: 64,
  vocabSize: 49152,
  mhaParameters: 2 * 576 * 576 + 2 * 576 * 192 + 576,
  mlpParameters: 3 * 576 * 1536 + 576,
  totalParameters: 134_515_008,
};
const ALL = Array.from({ length: 60 }, (_, block) => block);
const EXHAUSTIVE = { base: [], candidates: ALL, baseline: true };
const FEW = { base: [], candidates: [20, 40], baseline: false };
const SPEED = { loadSeconds: 3, flopsPerSecond: 1e11 };

describe('the time of a wave', () => {
  it('is a load of each stage, once, and the compute of all rows', () => {
    const flops = sweepFlops(SHAPE, EXHAUSTIVE, 255);
    const { loadSeconds, computeSeconds, totalSeconds } = waveTime(
      SHAPE,
      EXHAUSTIVE,
      { count: 8, tokens: 255 },
      5,
      SPEED,
    );
    expect(loadSeconds).toBe(15);
    expect(computeSeconds).toBe((8 * flops) / 1e11);
    expect(totalSeconds).toBe(loadSeconds + computeSeconds);
  });

  it('is at most half loading from the break-even on, and not one row below it', () => {
    for (const sweep of [EXHAUSTIVE, FEW]) {
      const rows = leastWaveRows(SHAPE, sweep, 255, 20, SPEED);
      const at = waveTime(SHAPE, sweep, { count: rows, tokens: 255 }, 20, SPEED);
      const below = waveTime(SHAPE, sweep, { count: rows - 1, tokens: 255 }, 20, SPEED);
      expect(rows).toBeGreaterThan(1);
      expect(at.computeSeconds).toBeGreaterThanOrEqual(at.loadSeconds);
      expect(below.computeSeconds).toBeLessThan(below.loadSeconds);
    }
  });

  it('needs more rows where candidates are few, and nine times the break-even for a tenth of loading', () => {
    const few = leastWaveRows(SHAPE, FEW, 255, 20, SPEED);
    expect(few).toBeGreaterThan(10 * leastWaveRows(SHAPE, EXHAUSTIVE, 255, 20, SPEED));
    expect(leastWaveRows(SHAPE, FEW, 255, 20, SPEED, 0.1)).toBeCloseTo(9 * few, -2);
    expect(leastWaveRows(SHAPE, FEW, 255, 20, { ...SPEED, loadSeconds: 0 })).toBe(1);
  });
});
