/** Of what was measured longer ago less than a third counts, so that a worker that slows down is known for it. */
const MEMORY_MS = 30_000;

interface Measured {
  readonly flops: number;
  readonly ms: number;
  readonly speed: number;
}

/**
 * How fast each worker is, in FLOPs of the cost model per millisecond: what it was measured at on its tasks, waiting for
 * messages included; before its first task, what its device promises.
 *
 * Invariants:
 * 1. The sums are over the workers that are there: each worker's part is taken off before it changes or goes.
 */
export class Speeds {
  private readonly measured = new Map<string, Measured>();
  /** FLOP/s of a large matrix product. */
  private readonly peaks = new Map<string, number>();
  private readonly sums = { peak: 0, speed: 0, ofPeak: 0, withPeak: 0 };

  /** @param peakFlopsPerSecond 0 where unknown */
  joined(workerId: string, peakFlopsPerSecond: number): void {
    if (!(peakFlopsPerSecond > 0)) return;
    this.peaks.set(workerId, peakFlopsPerSecond);
    this.sums.peak += peakFlopsPerSecond;
  }

  left(workerId: string): void {
    this.count(workerId, -1); // (1)
    this.measured.delete(workerId);
    this.sums.peak -= this.peaks.get(workerId) ?? 0;
    this.peaks.delete(workerId);
  }

  /** The worker has spent so long on so much. */
  took(workerId: string, flops: number, ms: number): void {
    if (!(ms > 0) || !(flops > 0)) return;
    const before = this.measured.get(workerId) ?? { flops: 0, ms: 0 };
    const kept = Math.exp(-ms / MEMORY_MS);
    const after = { flops: before.flops * kept + flops, ms: before.ms * kept + ms };
    this.count(workerId, -1); // (1)
    this.measured.set(workerId, { ...after, speed: after.flops / after.ms });
    this.count(workerId, 1);
  }

  /** FLOPs per millisecond; undefined before the worker's first task. */
  measuredOf(workerId: string): number | undefined {
    return this.measured.get(workerId)?.speed;
  }

  /**
   * FLOPs per millisecond: as measured; before its first task from its peak and what others make of theirs, else their
   * mean; undefined while nothing is known of any.
   */
  estimateOf(workerId: string): number | undefined {
    return this.measuredOf(workerId) ?? this.expected(this.peaks.get(workerId));
  }

  /** The estimate, or, while nothing is known of any worker, the same for all. */
  of(workerId: string): number {
    return this.estimateOf(workerId) ?? 1;
  }

  private expected(peak: number | undefined): number | undefined {
    const { sums } = this;
    const promised = peak ?? (this.peaks.size > 0 ? sums.peak / this.peaks.size : 0);
    if (promised > 0 && sums.withPeak > 0) return (promised * sums.ofPeak) / sums.withPeak;
    if (this.measured.size > 0) return sums.speed / this.measured.size;
    return promised > 0 ? promised / 1000 : undefined;
  }

  private count(workerId: string, sign: 1 | -1): void {
    const speed = this.measuredOf(workerId);
    if (speed === undefined) return;
    this.sums.speed += sign * speed;
    const peak = this.peaks.get(workerId);
    if (peak === undefined) return;
    this.sums.ofPeak += (sign * speed) / peak;
    this.sums.withPeak += sign;
  }
}
