/** One timed run. CPU seconds are of this process, all its threads: they hold still when others share the machine. */
export interface Timing {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface Side {
  readonly name: string;
  run(repeat: number): Promise<void>;
}

/** Of repeated figures: the spread is what lies between the extremes, over the median. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly spread: number;
  readonly values: readonly number[];
}

/**
 * Times the sides in turns (A B A B …), so that what slows the machine for a while slows all of them.
 * @returns the timings of each side, in repeats
 */
export async function interleave(
  sides: readonly Side[],
  repeats: number,
  onRun: (text: string) => void,
): Promise<Timing[][]> {
  const timings: Timing[][] = sides.map(() => []);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, side] of sides.entries()) {
      const timing = await timed(() => side.run(repeat));
      timings[i].push(timing);
      onRun(
        `${side.name}, ${repeat + 1} of ${repeats}: ${timing.seconds.toFixed(2)} s, ${timing.cpuSeconds.toFixed(2)} s of CPU`,
      );
    }
  }
  return timings;
}

export async function timed(run: () => Promise<unknown>): Promise<Timing> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await run();
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** @throws RangeError when there are no values */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values to summarise');
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  const [min, max] = [sorted[0], sorted[sorted.length - 1]];
  return { median, min, max, spread: median === 0 ? 0 : (max - min) / median, values };
}
