import type { MlpTensors } from '@blockpruner/checkpoint';
import type { BlockContext } from './block-context.ts';
import type { Graph } from './onnx-graph.ts';
import { linearNodes, normedRowNodes, residualNodes } from './residual-nodes.ts';

/** Feed-forward block with its residual: `x [rows, tokens, hidden] → x + down(silu(gate) · up)`. */
export function mlpNodes(graph: Graph, context: BlockContext, tensors: MlpTensors, x: string): string {
  const normed = normedRowNodes(graph, context, x, tensors.norm);
  const gate = linearNodes(graph, context, normed, tensors.gate);
  const up = linearNodes(graph, context, normed, tensors.up);
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  const down = linearNodes(graph, context, graph.node('Mul', [silu, up]), tensors.down);
  return residualNodes(graph, context, x, down);
}
