import type { BlockIndex, Sweep } from '@blockpruner/blocks';
import type { CellTable } from '@blockpruner/perplexity';

/** Why a candidate was left behind before all rows had been looked at. */
export interface Drop {
  /** The best candidate on the rows so far. */
  readonly leader: BlockIndex;
  /** Estimate of how much worse the candidate is over all rows, in the unit of a margin. */
  readonly difference: number;
  /** Of that estimate; 0 where the candidate has no finite score. */
  readonly standardError: number;
}

/** How one candidate did in one iteration. */
export interface CandidateScore {
  readonly block: BlockIndex;
  /** Nats; may be non-finite, and then never wins. */
  readonly score: number;
  /** Rows the score is a mean over: all, or those up to the look at which the candidate was dropped. */
  readonly rowCount: number;
  readonly dropped?: Drop;
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
  /** Null where no other candidate has a finite score on all rows. */
  readonly runnerUp: BlockIndex | null;
  /**
   * Runner-up's score minus the winner's, nats; under the objective `score-per-param` what they cost in score, nats per
   * million parameters. In fp32 where the choice was confirmed.
   */
  readonly margin: number | null;
  /** In execution order. */
  readonly candidates: readonly CandidateScore[];
}

/** What a search wants next: cells it lacks, a decision written down, or nothing more. */
export type Step =
  | {
      readonly kind: 'evaluate';
      readonly sweep: Sweep;
      readonly rows: readonly number[];
      /** Rows that the candidates which are still there then will need next, the first one first. */
      readonly laterRows: readonly number[];
    }
  | { readonly kind: 'decide'; readonly decision: Decision }
  | { readonly kind: 'done' };

/** A way to search. A step follows from the decisions so far and the cells there are, and from nothing else. */
export interface Strategy {
  /**
   * An `evaluate` step names the rows and the candidates that lack any cell; cells of that rectangle that
   * exist need not be computed again.
   * @throws SearchError when the scores or the decisions leave nothing to choose
   */
  step(decisions: readonly Decision[], cells: CellTable): Step;
}
