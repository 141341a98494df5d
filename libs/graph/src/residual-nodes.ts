import type { LinearTensors, TensorLocation } from '@blockpruner/checkpoint';
import type { BlockContext } from './block-context.ts';
import { normNodes } from './norm-nodes.ts';
import { castNode, type Graph } from './onnx-graph.ts';
import { quantizedLinearNodes } from './quantized-nodes.ts';

/** A block's input: the fp32 residual stream `x [rows, tokens, hidden]`, normed, as `[n, hidden]` in the block's type. */
export function normedRowNodes(graph: Graph, context: BlockContext, x: string, norm: TensorLocation): string {
  const { checkpoint, weights, dtype } = context;
  const normed = castNode(graph, normNodes(graph, weights, checkpoint, x, norm), 'float32', dtype);
  return graph.node('Reshape', [normed, graph.int64([-1, checkpoint.shape.hiddenSize])]);
}

/** `[n, in] → [n, out]`, in the block's type. */
export function linearNodes(graph: Graph, context: BlockContext, x: string, linear: LinearTensors): string {
  const { weights, dtype, quantized } = context;
  const bias = linear.bias && weights.value(linear.bias, dtype);
  const matrix = quantized?.get(linear.weight.name);
  if (matrix) {
    const product = quantizedLinearNodes(graph, x, matrix);
    return bias === null ? product : graph.node('Add', [product, bias]);
  }
  const inputs = [x, weights.value(linear.weight, dtype)];
  if (bias !== null) inputs.push(bias);
  return graph.node('Gemm', inputs, { transB: 1 });
}

/** A block's end: its output `[n, hidden]` is added to the residual stream in fp32. */
export function residualNodes(graph: Graph, context: BlockContext, x: string, output: string): string {
  const widened = castNode(graph, output, context.dtype, 'float32');
  return graph.node('Add', [x, graph.node('Reshape', [widened, graph.node('Shape', [x])])]);
}
