import type { Attend, BlockContext } from './block-context.ts';
import { groupQueryAttention } from './grouped-attention-nodes.ts';
import { castNode, type Graph } from './onnx-graph.ts';
import { ropeCacheNodes } from './rope-cache-nodes.ts';

/**
 * Attention that goes on from cached keys and values: `next` gives that of the next block. Blocks
 * are numbered by their caches, `0, 1, 2, …`, whatever their layers: a layer without attention has none.
 *
 * Adds the input `attention_mask [rows, total tokens]` int64, ones, and for each block the inputs
 * `past_key_values.N.key` and `.value [rows, kvHeadCount, past tokens, headSize]` and the outputs `present.N.key` and
 * `.value`, in the type of blocks.
 */
export class CachedAttention {
  private readonly graph: Graph;
  private readonly context: BlockContext;
  private readonly lastPositions: string;
  private readonly totalTokens: string;
  private readonly rope: { readonly cos: string; readonly sin: string };
  private cacheCount = 0;

  constructor(graph: Graph, context: BlockContext) {
    this.graph = graph;
    this.context = context;
    const mask = graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
    const counts = graph.node('ReduceSum', [mask, graph.int64([1])], { keepdims: 0 });
    const last = graph.node('Sub', [counts, graph.int64(1)]);
    this.lastPositions = castNode(graph, last, 'int64', 'int32');
    const total = graph.node('Squeeze', [graph.node('Shape', [mask], { start: 1, end: 2 })]);
    this.totalTokens = castNode(graph, total, 'int64', 'int32');
    const { checkpoint, dtype } = context;
    this.rope = ropeCacheNodes(graph, checkpoint, checkpoint.maxPositionTokens, dtype);
  }

  /** The attention of the next block; the graph's inputs and outputs are declared here. */
  next(): Attend {
    const { graph, context, lastPositions, totalTokens, rope } = this;
    const { checkpoint, dtype } = context;
    const { kvHeadCount, headSize } = checkpoint.shape;
    const number = this.cacheCount++;
    const past = (part: string): string =>
      graph.input(`past_key_values.${number}.${part}`, dtype, [
        'batch_size',
        kvHeadCount,
        'past_sequence_length',
        headSize,
      ]);
    const inputs = { pastKey: past('key'), pastValue: past('value'), lastPositions, totalTokens, ...rope };
    return (_, projections) => {
      const { attended, presentKey, presentValue } = groupQueryAttention(
        graph,
        checkpoint,
        projections,
        inputs,
      );
      const dims = ['batch_size', kvHeadCount, 'total_sequence_length', headSize];
      graph.namedOutput(`present.${number}.key`, presentKey, dtype, dims);
      graph.namedOutput(`present.${number}.value`, presentValue, dtype, dims);
      return attended;
    };
  }
}
