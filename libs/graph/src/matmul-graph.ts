import { castNode, encodeModel, Graph } from './onnx-graph.ts';
import type { BlockDtype } from './graph-options.ts';

export interface MatmulGraphOptions {
  readonly dtype: BlockDtype;
  /** Length of the sums, and columns of the weight; a chain needs them equal. */
  readonly inner: number;
  readonly columns: number;
  /** Products one after the other in one run, so that copies in and out weigh little. */
  readonly chain: number;
}

/**
 * A graph of nothing but matrix products with one packed weight: `x [rows, inner]` fp32 → `y [rows, columns]` fp32. It
 * shows what the machine can do at best.
 */
export function buildMatmulGraph({ dtype, inner, columns, chain }: MatmulGraphOptions): Uint8Array {
  const graph = new Graph('matmul');
  const x = graph.input('x', 'float32', ['rows', inner]);
  // Small values: a chain of products must stay finite, and zeros are faster than numbers on some machines.
  const values = Float32Array.from({ length: inner * columns }, (_, i) => ((i % 17) - 8) / (8 * inner));
  const weight = castNode(graph, graph.float32Tensor('weight', [columns, inner], values), 'float32', dtype);
  let y = castNode(graph, x, 'float32', dtype);
  for (let i = 0; i < chain; i++) y = graph.node('Gemm', [y, weight], { transB: 1 });
  graph.namedOutput('y', castNode(graph, y, dtype, 'float32'), 'float32', ['rows', columns]);
  return encodeModel(graph);
}
