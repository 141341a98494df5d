import type { LinearTensors, MhaTensors } from '@blockpruner/checkpoint';
import type { Attend, BlockContext } from './block-context.ts';
import type { Graph } from './onnx-graph.ts';
import { linearNodes, normedRowNodes, residualNodes } from './residual-nodes.ts';

/** Attention block with its residual: `x [rows, tokens, hidden] → x + o(attention(q, k, v))`. */
export function mhaNodes(
  graph: Graph,
  context: BlockContext,
  tensors: MhaTensors,
  x: string,
  attend: Attend,
): string {
  const { headCount, kvHeadCount, headSize } = context.checkpoint.shape;
  const normed = normedRowNodes(graph, context, x, tensors.norm);
  const rowsAndTokens = graph.node('Shape', [x], { start: 0, end: 2 });
  const project = (linear: LinearTensors, width: number): string =>
    graph.node('Reshape', [
      linearNodes(graph, context, normed, linear),
      graph.node('Concat', [rowsAndTokens, graph.int64([width])], { axis: 0 }),
    ]);
  const attended = attend(graph, {
    q: project(tensors.q, headCount * headSize),
    k: project(tensors.k, kvHeadCount * headSize),
    v: project(tensors.v, kvHeadCount * headSize),
  });
  const flat = graph.node('Reshape', [attended, graph.int64([-1, headCount * headSize])]);
  return residualNodes(graph, context, x, linearNodes(graph, context, flat, tensors.o));
}
