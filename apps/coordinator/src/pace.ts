/** Work that was done, in FLOPs of the cost model, and the wall time it took. */
export interface Stretch {
  readonly flops: number;
  readonly seconds: number;
}

const NOTHING: Stretch = { flops: 0, seconds: 0 };

/**
 * How fast a search goes, and so how long the rest of it takes. It knows only what it was told: a resumed run measures
 * anew, as its workers may be others now.
 */
export class Pace {
  private flops = 0;
  private seconds = 0;

  worked({ flops, seconds }: Stretch): void {
    this.flops += flops;
    this.seconds += seconds;
  }

  /**
   * @param since what was done since the last call of `worked`
   * @returns the seconds that so many FLOPs take at the speed so far; null while there is none
   */
  secondsFor(flops: number, since = NOTHING): number | null {
    if (flops === 0) return 0;
    const done = this.flops + since.flops;
    return done > 0 ? (flops * (this.seconds + since.seconds)) / done : null;
  }
}

/** The speed of an iteration: two fields of its log line. */
export interface Speed {
  readonly flopsPerSecond: number;
  /** Model FLOPs utilisation, per cent; null where there is no worker, or one without a peak. */
  readonly mfuPercent: number | null;
}

/** @param peaks FLOP/s that the workers measured on their devices, one a worker; 0 for one that measured nothing */
export function speedOf({ flops, seconds }: Stretch, peaks: readonly number[]): Speed {
  const flopsPerSecond = flops / seconds;
  const peak = peaks.includes(0) ? 0 : peaks.reduce((sum, each) => sum + each, 0);
  return { flopsPerSecond, mfuPercent: peak === 0 ? null : (100 * flopsPerSecond) / peak };
}
