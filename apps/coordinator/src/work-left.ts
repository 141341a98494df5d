import type { Mask } from '@blockpruner/blocks';
import type { RunConfig } from '@blockpruner/journal';
import type { CellTable } from '@blockpruner/perplexity';
import type { SearchProblem } from '@blockpruner/search';
import { ExpectedWork } from './expected-work.ts';
import type { FleetDriver } from './fleet-driver.ts';
import { Pace, type Stretch } from './pace.ts';

/**
 * What is left of a search, in FLOPs and in seconds, as it goes on.
 *
 * Invariants:
 * 1. The FLOPs of the iteration under way are those that were expected of it, less what was done; never less than what
 *    the fleet was asked for and has not done.
 */
export class WorkLeft {
  private readonly driver: Pick<FleetDriver, 'flops' | 'flopsUnderWay'>;
  private readonly expected: ExpectedWork;
  private readonly pace = new Pace();
  private mask: Mask;
  private ofIterations: readonly number[] = [];
  private flopsBefore = 0;
  private startedMs = 0;

  /** @param mask the blocks that are gone when the first iteration begins */
  constructor(
    problem: SearchProblem,
    cells: CellTable,
    search: RunConfig['search'],
    mask: Mask,
    driver: Pick<FleetDriver, 'flops' | 'flopsUnderWay'>,
  ) {
    this.driver = driver;
    this.expected = new ExpectedWork(problem, cells, search);
    this.mask = mask;
    this.begin(mask);
  }

  /** What was done since the last decision. */
  get sinceDecision(): Stretch {
    return {
      flops: this.driver.flops - this.flopsBefore,
      seconds: (performance.now() - this.startedMs) / 1000,
    };
  }

  /** Iterations, the one under way among them. */
  get iterations(): number {
    return this.ofIterations.length;
  }

  get flops(): number {
    const [present = 0, ...later] = this.ofIterations;
    const here = Math.max(this.driver.flopsUnderWay, present - this.sinceDecision.flops); // (1)
    return later.reduce((sum, flops) => sum + flops, here);
  }

  /** At the speed of this process so far; null while there is none. */
  get seconds(): number | null {
    return this.pace.secondsFor(this.flops, this.sinceDecision);
  }

  /** An iteration has been decided: the next one begins. @param mask the blocks that are gone now */
  decided(mask: Mask): void {
    const done = this.sinceDecision;
    this.pace.worked(done);
    this.expected.decided(this.mask, done.flops);
    this.begin(mask);
  }

  private begin(mask: Mask): void {
    this.mask = mask;
    this.ofIterations = this.expected.left(mask);
    this.flopsBefore = this.driver.flops;
    this.startedMs = performance.now();
  }
}
