import type { Checkpoint } from '@blockpruner/checkpoint';
import type { BlockDtype, GraphOptions } from './graph-options.ts';
import type { Weights } from './weights.ts';

/** What the nodes of every block are made from, and the values they read from the graph around them. */
export interface BlockContext {
  readonly checkpoint: Checkpoint;
  readonly weights: Weights;
  /** Type of the block's weights, products and attention. */
  readonly dtype: BlockDtype;
  readonly attention: GraphOptions['attention'];
  /** `[tokens, headSize / 2]`, in `dtype`. */
  readonly cos: string;
  readonly sin: string;
  /** `[1, 1, tokens, tokens]` in `dtype`, added to the scores: what hides all before a sliding window. */
  readonly windowBias: string | undefined;
}
