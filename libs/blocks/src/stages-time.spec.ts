import { describe, expect, it } from 'vitest';
import { SMOLLM2 } from '../test/smollm2-shape.ts';
import { sweepFlops } from './cost.ts';
import { leastWaveRows, waveTime } from './stages-time.ts';

const ALL = Array.from({ length: 60 }, (_, block) => block);
const EXHAUSTIVE = { base: [], candidates: ALL, baseline: true };
const FEW = { base: [], candidates: [20, 40], baseline: false };
const SPEED = { loadSeconds: 3, flopsPerSecond: 1e11 };

describe('the time of a wave', () => {
  it('is a load of each stage, once, and the compute of all rows', () => {
    const flops = sweepFlops(SMOLLM2, EXHAUSTIVE, 255);
    const { loadSeconds, computeSeconds, totalSeconds } = waveTime(
      SMOLLM2,
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
      const rows = leastWaveRows(SMOLLM2, sweep, 255, 20, SPEED);
      const at = waveTime(SMOLLM2, sweep, { count: rows, tokens: 255 }, 20, SPEED);
      const below = waveTime(SMOLLM2, sweep, { count: rows - 1, tokens: 255 }, 20, SPEED);
      expect(rows).toBeGreaterThan(1);
      expect(at.computeSeconds).toBeGreaterThanOrEqual(at.loadSeconds);
      expect(below.computeSeconds).toBeLessThan(below.loadSeconds);
    }
  });

  it('needs more rows where candidates are few, and nine times the break-even for a tenth of loading', () => {
    const few = leastWaveRows(SMOLLM2, FEW, 255, 20, SPEED);
    expect(few).toBeGreaterThan(10 * leastWaveRows(SMOLLM2, EXHAUSTIVE, 255, 20, SPEED));
    expect(leastWaveRows(SMOLLM2, FEW, 255, 20, SPEED, 0.1)).toBeCloseTo(9 * few, -2);
    expect(leastWaveRows(SMOLLM2, FEW, 255, 20, { ...SPEED, loadSeconds: 0 })).toBe(1);
  });
});
