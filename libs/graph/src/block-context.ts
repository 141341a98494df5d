import type { Checkpoint } from '@blockpruner/checkpoint';
import type { BlockDtype } from './graph-options.ts';
import type { Graph } from './onnx-graph.ts';
import type { QuantizedTensor } from './quantized-nodes.ts';
import type { Weights } from './weights.ts';

/** What the nodes of every block are made from. */
export interface BlockContext {
  readonly checkpoint: Checkpoint;
  readonly weights: Weights;
  /** Type of the block's weights, products and attention. */
  readonly dtype: BlockDtype;
  /** Linear weights that are quantized, by the names of the tensors whose places they take. */
  readonly quantized?: ReadonlyMap<string, QuantizedTensor>;
}

/** The values that attention without a cache reads from the graph around it. */
export interface AttentionContext extends BlockContext {
  /** `[tokens, headSize / 2]`, in `dtype`. */
  readonly cos: string;
  readonly sin: string;
  /** `[1, 1, tokens, tokens]` in `dtype`, added to the scores: what hides all before a sliding window. */
  readonly windowBias: string | undefined;
}

/** `q [rows, tokens, headCount · headSize]`, `k` and `v [rows, tokens, kvHeadCount · headSize]`, not rotated yet. */
export interface Projections {
  readonly q: string;
  readonly k: string;
  readonly v: string;
}

/** Causal attention, rotary embedding included: `[rows, tokens, headCount · headSize]`. */
export type Attend = (graph: Graph, projections: Projections) => string;
