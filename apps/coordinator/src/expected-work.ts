import type { Mask } from '@blockpruner/blocks';
import type { RunConfig } from '@blockpruner/journal';
import type { CellTable } from '@blockpruner/perplexity';
import { remainingFlops, type SearchProblem } from '@blockpruner/search';
import { heldOutFlops } from './held-out.ts';

/** Of what the exhaustive search computes, what a race is taken to compute until it has decided something. */
const SHARE_OF_A_RACE = 1 / 3;

/** How much a search still has to compute: of a race it is a guess, by the share that its iterations have taken so far. */
export class ExpectedWork {
  private readonly problem: SearchProblem;
  private readonly cells: CellTable;
  private readonly rowTokens: readonly number[];
  private readonly isRace: boolean;
  private exhaustiveFlops = 0;
  private doneFlops = 0;

  constructor(problem: SearchProblem, cells: CellTable, search: RunConfig['search']) {
    this.problem = problem;
    this.cells = cells;
    this.rowTokens = cells.rowTokens.slice(0, cells.rowCount);
    this.isRace = search === 'race';
  }

  /** FLOPs of each iteration that is left, the next one first. @param mask the blocks removed so far */
  left(mask: Mask): number[] {
    const onHeldOut = heldOutFlops(this.problem.shape, mask, this.cells);
    return remainingFlops(this.problem, mask, this.rowTokens).map((flops) => flops * this.share + onHeldOut);
  }

  /** An iteration on the mask has been decided, after so many FLOPs. */
  decided(mask: Mask, flops: number): void {
    this.exhaustiveFlops += remainingFlops(this.problem, mask, this.rowTokens)[0] ?? 0;
    this.doneFlops += flops;
  }

  private get share(): number {
    if (!this.isRace) return 1;
    return this.exhaustiveFlops === 0 ? SHARE_OF_A_RACE : Math.min(1, this.doneFlops / this.exhaustiveFlops);
  }
}
