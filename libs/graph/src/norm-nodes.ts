import type { Checkpoint, TensorLocation } from '@blockpruner/checkpoint';
import type { Graph } from './onnx-graph.ts';
import type { Weights } from './weights.ts';

/** Root mean square norm over the last axis (arXiv 1910.07467), in fp32 throughout. */
export function normNodes(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  x: string,
  weight: TensorLocation,
): string {
  return graph.node('SimplifiedLayerNormalization', [x, weights.value(weight, 'float32')], {
    axis: -1,
    epsilon: { float: checkpoint.normEpsilon },
    stash_type: 1,
  });
}
