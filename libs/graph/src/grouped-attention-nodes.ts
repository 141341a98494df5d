import type { BlockContext } from './block-context.ts';
import { castNode, MICROSOFT_DOMAIN, type Graph } from './onnx-graph.ts';

/** `q [rows, tokens, headCount · headSize]`, `k` and `v [rows, tokens, kvHeadCount · headSize]`, not rotated yet. */
export interface Projections {
  readonly q: string;
  readonly k: string;
  readonly v: string;
}

/** Causal attention by `GroupQueryAttention`, rotary embedding included: `[rows, tokens, headCount · headSize]`. */
export function groupedAttentionNodes(graph: Graph, context: BlockContext, { q, k, v }: Projections): string {
  const { shape, slidingWindowTokens } = context.checkpoint;
  const tokens = castNode(graph, graph.node('Shape', [q], { start: 1, end: 2 }), 'int64', 'int32');
  const rows = graph.node('Shape', [q], { start: 0, end: 1 });
  const lastPositions = graph.node('Expand', [graph.node('Sub', [tokens, graph.int32(1)]), rows]);
  const totalTokens = graph.node('Squeeze', [tokens]);
  return graph.nodeWithOutputs(
    'GroupQueryAttention',
    [q, k, v, '', '', lastPositions, totalTokens, context.cos, context.sin],
    3,
    {
      num_heads: shape.headCount,
      kv_num_heads: shape.kvHeadCount,
      do_rotary: 1,
      local_window_size: slidingWindowTokens ?? -1,
    },
    MICROSOFT_DOMAIN,
  )[0];
}
