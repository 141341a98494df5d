/** What the candidates of a search are ranked by: their score, or what each parameter that goes costs in score. */
export type Objective = 'score' | 'score-per-param';

/**
 * How much a search removes: so many blocks; the fewest blocks that hold this share of all parameters; the fewest that
 * leave at most so many parameters; or every block that may go.
 */
export type Goal =
  | { readonly kind: 'remove'; readonly count: number }
  | { readonly kind: 'ratio'; readonly ratio: number }
  | { readonly kind: 'target-params'; readonly parameters: number }
  | { readonly kind: 'all' };

/**
 * What no decision of a search may take the model beyond: a perplexity, or how far above the dense model's it may be,
 * as a share of that (0.2: a fifth).
 */
export type Limit =
  | { readonly kind: 'perplexity'; readonly perplexity: number }
  | { readonly kind: 'increase'; readonly increase: number };

/** When a search ends: once its goal is met, or before the decision that would go beyond its limit. */
export type StopRule = Goal & { readonly limit?: Limit };
