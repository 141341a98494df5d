import type { Checkpoint } from '@blockpruner/checkpoint';
import type { BlockDtype } from './graph-options.ts';
import { castNode, type Graph } from './onnx-graph.ts';
import { inverseFrequencies } from './rope-table.ts';

/**
 * Cosines and sines of the rotary embedding for positions `0 … positions-1`, each `[positions, headSize / 2]`: what
 * `ropeTables` gives, to the last digit or the one before. The graph holds the frequencies alone and onnxruntime folds
 * the rest when it loads it, so that a model of 131,072 positions is not 64 MB larger for it.
 */
export function ropeCacheNodes(
  graph: Graph,
  checkpoint: Pick<Checkpoint, 'rope' | 'shape'>,
  positions: number,
  type: BlockDtype,
): { cos: string; sin: string } {
  const frequencies = inverseFrequencies(checkpoint);
  const row = graph.float32Tensor('rope_frequencies', [1, frequencies.length], frequencies);
  const range = graph.node('Range', [graph.int64(0), graph.int64(positions), graph.int64(1)]);
  const column = graph.node('Unsqueeze', [castNode(graph, range, 'int64', 'float32'), graph.int64([1])]);
  const angles = graph.node('Mul', [column, row]);
  return {
    cos: castNode(graph, graph.node('Cos', [angles]), 'float32', type),
    sin: castNode(graph, graph.node('Sin', [angles]), 'float32', type),
  };
}
