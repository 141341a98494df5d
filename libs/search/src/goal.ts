import type { BlockIndex, Limit, StopRule } from '@blockpruner/blocks';

/** How far a search has come. */
export interface Size {
  readonly decisions: number;
  /** Removed parameters over all parameters, with those of the start mask. */
  readonly ratio: number;
  readonly parametersLeft: number;
  /** Blocks that may still go. */
  readonly candidatesLeft: number;
}

/** What a decision leads to. */
export interface NextStep {
  readonly removed: BlockIndex;
  readonly perplexity: number;
}

/** Where a search ends: after so many decisions, with its goal met, or because the next decision goes beyond the limit. */
export type Ending =
  | { readonly decisions: number; readonly reason: 'goal' }
  | { readonly decisions: number; readonly reason: 'limit'; readonly next: NextStep };

/** Whether the goal of the rule is met. */
export function meetsGoal(stop: StopRule, size: Size): boolean {
  switch (stop.kind) {
    case 'remove':
      return size.decisions >= stop.count;
    case 'ratio':
      return size.ratio >= stop.ratio;
    case 'target-params':
      return size.parametersLeft <= stop.parameters;
    case 'all':
      return size.candidatesLeft === 0;
  }
}

/** The largest perplexity that a limit allows. */
export function limitPerplexity(limit: Limit, densePerplexity: number): number {
  return limit.kind === 'perplexity' ? limit.perplexity : densePerplexity * (1 + limit.increase);
}

/** Whether a model of this perplexity is beyond the limit of the rule. */
export function isBeyondLimit({ limit }: StopRule, perplexity: number, densePerplexity: number): boolean {
  return limit !== undefined && perplexity > limitPerplexity(limit, densePerplexity);
}

/**
 * Where a search with this rule ends on the way that another one went.
 * @param sizes before the first decision, and after each
 * @param steps what each decision led to, and, where it is known, what the next one would have
 * @returns undefined where the other one did not go so far
 */
export function endingOf(
  stop: StopRule,
  sizes: readonly Size[],
  steps: readonly NextStep[],
  densePerplexity: number,
): Ending | undefined {
  for (const [decisions, size] of sizes.entries()) {
    if (meetsGoal(stop, size)) return { decisions, reason: 'goal' };
    const next = steps.at(decisions);
    if (next && isBeyondLimit(stop, next.perplexity, densePerplexity))
      return { decisions, reason: 'limit', next };
  }
  return undefined;
}
