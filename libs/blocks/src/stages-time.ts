import { sweepFlops } from './cost.ts';
import type { ModelShape } from './model-shape.ts';
import type { Sweep } from './sweep.ts';

/** How fast a worker loads and computes, as it was measured. */
export interface StageSpeed {
  /** Seconds until one stage is ready to compute. */
  readonly loadSeconds: number;
  readonly flopsPerSecond: number;
}

/** Where the time of a wave goes: all rows and candidates that pass over the stages together. */
export interface WaveTime {
  /** Every stage is loaded once, however many rows and candidates wait for it. */
  readonly loadSeconds: number;
  readonly computeSeconds: number;
  readonly totalSeconds: number;
}

/** Time of one wave of a sweep over rows of one length. */
export function waveTime(
  shape: ModelShape,
  sweep: Sweep,
  rows: { readonly count: number; readonly tokens: number },
  stages: number,
  speed: StageSpeed,
): WaveTime {
  const loadSeconds = stages * speed.loadSeconds;
  const computeSeconds = (rows.count * sweepFlops(shape, sweep, rows.tokens)) / speed.flopsPerSecond;
  return { loadSeconds, computeSeconds, totalSeconds: loadSeconds + computeSeconds };
}

/**
 * Rows from which on a wave spends at most `loadShare` of its time on loading: a half is the break-even, where
 * loading takes as long as computing. A task of fewer rows is better joined to another.
 */
export function leastWaveRows(
  shape: ModelShape,
  sweep: Sweep,
  rowTokens: number,
  stages: number,
  speed: StageSpeed,
  loadShare = 0.5,
): number {
  const { loadSeconds, computeSeconds } = waveTime(
    shape,
    sweep,
    { count: 1, tokens: rowTokens },
    stages,
    speed,
  );
  return Math.max(1, Math.ceil((loadSeconds * (1 - loadShare)) / (loadShare * computeSeconds)));
}
