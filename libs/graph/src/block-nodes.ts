import { dirname, relative } from 'node:path';
import type {
  Checkpoint,
  LinearTensors,
  MhaTensors,
  MlpTensors,
  TensorLocation,
} from '@blockpruner/checkpoint';
import { elementTypeNumber, MICROSOFT_DOMAIN, type Graph } from './onnx-graph.ts';

/** Values that every block reads from the graph around it. */
export interface RopeValues {
  readonly cos: string;
  readonly sin: string;
}

/**
 * Declares checkpoint tensors as initializers of the outermost graph, once each, in fp32. They stay there even
 * when a branch uses them: onnxruntime pre-packs the weights of a branch only when they live one level up.
 */
export class Weights {
  private readonly graph: Graph;
  private readonly folder: string;
  private readonly values = new Map<string, string>();

  constructor(graph: Graph, folder: string) {
    this.graph = graph;
    this.folder = folder;
  }

  value(tensor: TensorLocation): string {
    const known = this.values.get(tensor.name);
    if (known !== undefined) return known;
    const stored = this.graph.external({
      name: tensor.name,
      type: tensor.dtype,
      shape: tensor.shape,
      location: relative(this.folder, tensor.file),
      offsetBytes: tensor.offsetBytes,
      lengthBytes: tensor.lengthBytes,
    });
    const value =
      tensor.dtype === 'float32'
        ? stored
        : this.graph.node('Cast', [stored], { to: elementTypeNumber('float32') });
    this.values.set(tensor.name, value);
    return value;
  }
}

/** The folder that all weights are below: onnxruntime takes external data from one folder only. */
export function weightsFolder(checkpoint: Checkpoint): string {
  return dirname(checkpoint.embedding.file);
}

/** Root mean square norm over the last axis (arXiv 1910.07467). */
export function normNodes(graph: Graph, x: string, weight: string, epsilon: number): string {
  return graph.node('SimplifiedLayerNormalization', [x, weight], {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
}

/** `[n, in] → [n, out]`. */
export function linearNodes(graph: Graph, weights: Weights, x: string, linear: LinearTensors): string {
  const inputs = [x, weights.value(linear.weight)];
  if (linear.bias) inputs.push(weights.value(linear.bias));
  return graph.node('Gemm', inputs, { transB: 1 });
}

/** Attention block with its residual: `x [batch, tokens, hidden] → x + attention(norm(x))`. */
export function mhaNodes(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  tensors: MhaTensors,
  x: string,
  rope: RopeValues,
): string {
  const { hiddenSize, headCount, kvHeadCount, headSize } = checkpoint.shape;
  const normed = normNodes(graph, x, weights.value(tensors.norm), checkpoint.normEpsilon);
  const rows = graph.node('Reshape', [normed, graph.int64([-1, hiddenSize])]);
  const batchAndTokens = graph.node('Shape', [x], { start: 0, end: 2 });
  const project = (linear: LinearTensors, width: number): string =>
    graph.node('Reshape', [
      linearNodes(graph, weights, rows, linear),
      graph.node('Concat', [batchAndTokens, graph.int64([width])], { axis: 0 }),
    ]);
  const q = project(tensors.q, headCount * headSize);
  const k = project(tensors.k, kvHeadCount * headSize);
  const v = project(tensors.v, kvHeadCount * headSize);

  const tokens = graph.node('Cast', [graph.node('Shape', [x], { start: 1, end: 2 })], {
    to: elementTypeNumber('int32'),
  });
  const batch = graph.node('Shape', [x], { start: 0, end: 1 });
  const lastPositions = graph.node('Expand', [graph.node('Sub', [tokens, graph.int32(1)]), batch]);
  const totalTokens = graph.node('Squeeze', [tokens]);
  const [attended] = graph.nodeWithOutputs(
    'GroupQueryAttention',
    [q, k, v, '', '', lastPositions, totalTokens, rope.cos, rope.sin],
    3,
    {
      num_heads: headCount,
      kv_num_heads: kvHeadCount,
      do_rotary: 1,
      local_window_size: checkpoint.slidingWindowTokens ?? -1,
    },
    MICROSOFT_DOMAIN,
  );
  const flat = graph.node('Reshape', [attended, graph.int64([-1, headCount * headSize])]);
  const projected = linearNodes(graph, weights, flat, tensors.o);
  return graph.node('Add', [x, graph.node('Reshape', [projected, graph.node('Shape', [x])])]);
}

/** Feed-forward block with its residual: `x [batch, tokens, hidden] → x + down(silu(gate) · up)`. */
export function mlpNodes(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  tensors: MlpTensors,
  x: string,
): string {
  const normed = normNodes(graph, x, weights.value(tensors.norm), checkpoint.normEpsilon);
  const rows = graph.node('Reshape', [normed, graph.int64([-1, checkpoint.shape.hiddenSize])]);
  const gate = linearNodes(graph, weights, rows, tensors.gate);
  const up = linearNodes(graph, weights, rows, tensors.up);
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  const down = linearNodes(graph, weights, graph.node('Mul', [silu, up]), tensors.down);
  return graph.node('Add', [x, graph.node('Reshape', [down, graph.node('Shape', [x])])]);
}
