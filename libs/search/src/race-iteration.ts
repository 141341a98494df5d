import type { BlockIndex, Mask } from '@blockpruner/blocks';
import { scaleWindows, type CellTable, type RowWindows, type SamplePlan } from '@blockpruner/perplexity';
import { look, partialScore, type PastPair, type Sight } from './look.ts';
import type { CandidateScore, Decision, Drop } from './strategy.ts';

/** An iteration that has been decided: who had how many rows. */
export interface PastIteration {
  readonly mask: Mask;
  readonly rowCounts: ReadonlyMap<BlockIndex, number>;
}

export function pastIterationOf(mask: Mask, { candidates }: Decision): PastIteration {
  return { mask, rowCounts: new Map(candidates.map(({ block, rowCount }) => [block, rowCount])) };
}

/** Fewer windows tell no variance. */
const LEAST_WINDOWS = 16;

export interface RaceOptions {
  readonly mask: Mask;
  /** In execution order. */
  readonly candidates: readonly BlockIndex[];
  readonly plan: SamplePlan;
  /** Earlier iterations, the first one first. */
  readonly past: readonly PastIteration[];
  /** By how many standard errors a candidate must be behind to be dropped. */
  readonly standardErrors: number;
}

/**
 * The looks of one iteration of a race, as far as the cells allow.
 *
 * Invariants:
 * 1. Look k is decided by the first k rows of the order, of the candidates that look k-1 has left, once all those cells are
 *    there: cells beyond decide nothing, whoever computed them, and whenever.
 * 2. The leader of a look is left by it, so somebody is left at the end, with all rows.
 * 3. Of earlier iterations only cells that decided something there are used: rows up to a candidate's last look.
 */
export class RaceIteration {
  private readonly options: RaceOptions;
  private readonly cells: CellTable;
  private left: readonly BlockIndex[];
  private looks = 0;
  private readonly drops = new Map<BlockIndex, CandidateScore>();
  private readonly windows = new Map<BlockIndex, RowWindows[]>();
  private readonly pastWindows = new Map<string, RowWindows[]>();

  constructor(options: RaceOptions, cells: CellTable) {
    this.options = options;
    this.cells = cells;
    this.left = options.candidates;
  }

  /** Candidates that are still in the race, in execution order. */
  get alive(): readonly BlockIndex[] {
    return this.left;
  }

  /** Rows that nobody has looked at, in order. */
  get rowsLeft(): readonly number[] {
    return this.options.plan.order.slice(this.looks).map(({ row }) => row);
  }

  /** Decides every look whose cells are there. */
  advance(): void {
    const { plan } = this.options;
    while (this.looks < plan.order.length && this.hasNextRow()) {
      this.looks++;
      if (this.looks < plan.order.length && this.left.length > 1 && this.isEnough()) this.decideLook();
    }
  }

  /** All candidates: those dropped with what they had, the others with their scores over all rows. */
  scores(): CandidateScore[] {
    const { candidates, mask } = this.options;
    const { rowCount } = this.cells;
    return candidates.map(
      (block) => this.drops.get(block) ?? { block, score: this.cells.score(mask, block)!.score, rowCount },
    );
  }

  private hasNextRow(): boolean {
    const { plan, mask } = this.options;
    const { row } = plan.order[this.looks];
    const next = new Map<BlockIndex, RowWindows>();
    for (const candidate of this.left) {
      const sums = this.cells.windowSums({ mask, candidate, row });
      if (sums === undefined) return false;
      next.set(candidate, scaleWindows(sums, this.cells.rowTokens[row]));
    }
    for (const [candidate, scaled] of next) {
      const windows = this.windows.get(candidate);
      if (windows) windows.push(scaled);
      else this.windows.set(candidate, [scaled]);
    }
    return true;
  }

  /** Whether every set has been seen, with windows enough for a variance. */
  private isEnough(): boolean {
    const { sets, order } = this.options.plan;
    const windows = sets.map(() => 0);
    const [first] = this.left;
    this.windows.get(first)!.forEach(({ length }, place) => (windows[order[place].set] += length));
    return windows.every((count) => count >= LEAST_WINDOWS);
  }

  private decideLook(): void {
    const { plan, standardErrors } = this.options;
    const sight: Sight = {
      plan,
      rowCount: this.looks,
      windowsOf: (block) => this.windows.get(block)!,
      pastOf: (a, b) => this.pastOf(a, b),
    };
    const dropped = look(this.left, sight, standardErrors);
    for (const [block, drop] of dropped) this.drop(block, partialScore(sight, block), drop);
    this.left = this.left.filter((block) => !dropped.has(block)); // (2)
  }

  private drop(block: BlockIndex, score: number, dropped: Drop): void {
    this.drops.set(block, { block, score, rowCount: this.looks, dropped });
    this.windows.delete(block);
  }

  /** Of the earlier iteration that has both candidates on the most rows, the latest of those. */
  private pastOf(a: BlockIndex, b: BlockIndex): PastPair | null {
    let best: { readonly past: PastIteration; readonly rows: number } | null = null;
    for (const past of this.options.past) {
      const rows = Math.min(past.rowCounts.get(a) ?? 0, past.rowCounts.get(b) ?? 0);
      if (rows > this.looks && rows >= (best?.rows ?? 0)) best = { past, rows };
    }
    if (best === null) return null;
    return { a: this.pastWindowsOf(best.past, a), b: this.pastWindowsOf(best.past, b) };
  }

  private pastWindowsOf({ mask, rowCounts }: PastIteration, candidate: BlockIndex): RowWindows[] {
    const key = `${mask.length}/${candidate}`;
    let windows = this.pastWindows.get(key);
    if (windows === undefined) {
      const { order } = this.options.plan;
      windows = order.slice(0, rowCounts.get(candidate)).map(({ row }) => {
        return scaleWindows(this.cells.windowSums({ mask, candidate, row })!, this.cells.rowTokens[row]); // (3)
      });
      this.pastWindows.set(key, windows);
    }
    return windows;
  }
}
