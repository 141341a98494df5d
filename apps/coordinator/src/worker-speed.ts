/**
 * FLOP/s that one worker is taken to do before any has come: the peak of a large GPU. Taken too fast, it has few workers
 * started rather than too many, and those measure.
 */
const NOMINAL_FLOPS_PER_SECOND = 1e15;

/** How fast one worker is, also while there is none: then as fast as those before. */
export class WorkerSpeed {
  private readonly measured: () => number | undefined;
  private last = NOMINAL_FLOPS_PER_SECOND;

  /** @param measured FLOP/s of one of the workers there are, the mean; undefined while nothing is known of any */
  constructor(measured: () => number | undefined) {
    this.measured = measured;
  }

  /** FLOP/s. */
  now(): number {
    return (this.last = this.measured() ?? this.last);
  }
}
