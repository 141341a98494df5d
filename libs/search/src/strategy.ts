import type { BlockIndex, Sweep } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';

/** How one candidate did in one iteration. */
export interface CandidateScore {
  readonly block: BlockIndex;
  /** Nats; may be non-finite, and then never wins. */
  readonly score: number;
  /** Rows the score is a mean over. */
  readonly rowCount: number;
}

/** One iteration's choice and all it was chosen from. */
export interface Decision {
  /** From 1. */
  readonly iteration: number;
  readonly removed: BlockIndex;
  /** Nats, of the model without `removed`. */
  readonly score: number;
  /** `exp(score)`. */
  readonly perplexity: number;
  /** Null where no other candidate has a finite score. */
  readonly runnerUp: BlockIndex | null;
  /** Runner-up's score minus the winner's, nats; in fp32 where the choice was confirmed. */
  readonly margin: number | null;
  /** In execution order. */
  readonly candidates: readonly CandidateScore[];
}

/** What a search wants next: cells it lacks, a decision written down, or nothing more. */
export type Step =
  | { readonly kind: 'evaluate'; readonly sweep: Sweep; readonly rows: readonly number[] }
  | { readonly kind: 'decide'; readonly decision: Decision }
  | { readonly kind: 'done' };

/** A way to search. It holds no state: a step follows from the decisions so far and the cells there are. */
export interface Strategy {
  /**
   * An `evaluate` step names the rows and the candidates that lack any cell; cells of that rectangle that
   * exist need not be computed again.
   * @throws SearchError when the scores or the decisions leave nothing to choose
   */
  step(decisions: readonly Decision[], cells: CellTable): Step;
}
