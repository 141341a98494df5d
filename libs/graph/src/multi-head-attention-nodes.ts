import type { AttentionContext, Projections } from './block-context.ts';
import type { BlockDtype } from './graph-options.ts';
import { castNode, MICROSOFT_DOMAIN, type Graph } from './onnx-graph.ts';

/** No score is far enough below another to outweigh it, and it is finite in fp16. */
const HIDDEN_SCORE = -30_000;

/**
 * Causal attention by `MultiHeadAttention`: `[rows, tokens, headCount · headSize]`. The rotary embedding is
 * applied before it, and keys and values are repeated for the query heads that share them.
 */
export function multiHeadAttentionNodes(
  graph: Graph,
  context: AttentionContext,
  projections: Projections,
): string {
  const { headCount, kvHeadCount } = context.checkpoint.shape;
  const q = rotaryNodes(graph, context, projections.q, headCount);
  const k = repeatNodes(graph, context, rotaryNodes(graph, context, projections.k, kvHeadCount));
  const v = repeatNodes(graph, context, projections.v);
  const bias = context.windowBias === undefined ? [] : ['', '', context.windowBias];
  return graph.node(
    'MultiHeadAttention',
    [q, k, v, ...bias],
    { num_heads: headCount, unidirectional: 1 },
    MICROSOFT_DOMAIN,
  );
}

/** What hides the tokens before a sliding window from `MultiHeadAttention`, whose own mask is the causal one only. */
export function windowBiasNodes(graph: Graph, cos: string, windowTokens: number, type: BlockDtype): string {
  const tokens = graph.node('Squeeze', [graph.node('Shape', [cos], { start: 0, end: 1 })]);
  const positions = graph.node('Range', [graph.int64(0), tokens, graph.int64(1)]);
  const queries = graph.node('Unsqueeze', [positions, graph.int64([1])]);
  const isHidden = graph.node('GreaterOrEqual', [
    graph.node('Sub', [queries, positions]),
    graph.int64(windowTokens),
  ]);
  const scores = graph.node('Where', [isHidden, graph.float32(HIDDEN_SCORE), graph.float32(0)]);
  return castNode(graph, graph.node('Unsqueeze', [scores, graph.int64([0, 1])]), 'float32', type);
}

function rotaryNodes(graph: Graph, context: AttentionContext, x: string, headCount: number): string {
  return graph.node(
    'RotaryEmbedding',
    [x, graph.int64([0]), context.cos, context.sin],
    { interleaved: 0, num_heads: headCount },
    MICROSOFT_DOMAIN,
  );
}

/** `[rows, tokens, kvHeadCount · headSize] → [rows, tokens, headCount · headSize]`. */
function repeatNodes(graph: Graph, context: AttentionContext, x: string): string {
  const { headCount, kvHeadCount, headSize } = context.checkpoint.shape;
  if (headCount === kvHeadCount) return x;
  const heads = graph.node('Reshape', [x, graph.int64([0, 0, kvHeadCount, 1, headSize])]);
  const repeated = graph.node('Expand', [
    heads,
    graph.int64([1, 1, kvHeadCount, headCount / kvHeadCount, headSize]),
  ]);
  return graph.node('Reshape', [repeated, graph.int64([0, 0, headCount * headSize])]);
}
