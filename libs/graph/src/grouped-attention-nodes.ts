import type { Checkpoint } from '@blockpruner/checkpoint';
import type { AttentionContext, Projections } from './block-context.ts';
import { castNode, MICROSOFT_DOMAIN, type Graph } from './onnx-graph.ts';

/** What `GroupQueryAttention` takes beside the projections. */
export interface GroupedInputs {
  /** `[rows, kvHeadCount, past tokens, headSize]`; empty names without a cache. */
  readonly pastKey: string;
  readonly pastValue: string;
  /** `[rows]` int32: position of each row's last token. */
  readonly lastPositions: string;
  /** int32 scalar. */
  readonly totalTokens: string;
  /** `[at least total tokens, headSize / 2]` */
  readonly cos: string;
  readonly sin: string;
}

/** Causal attention by `GroupQueryAttention`: the attended values, and the present keys and values. */
export function groupQueryAttention(
  graph: Graph,
  { shape, slidingWindowTokens }: Checkpoint,
  { q, k, v }: Projections,
  inputs: GroupedInputs,
): { attended: string; presentKey: string; presentValue: string } {
  const { pastKey, pastValue, lastPositions, totalTokens, cos, sin } = inputs;
  const [attended, presentKey, presentValue] = graph.nodeWithOutputs(
    'GroupQueryAttention',
    [q, k, v, pastKey, pastValue, lastPositions, totalTokens, cos, sin],
    3,
    {
      num_heads: shape.headCount,
      kv_num_heads: shape.kvHeadCount,
      do_rotary: 1,
      local_window_size: slidingWindowTokens ?? -1,
    },
    MICROSOFT_DOMAIN,
  );
  return { attended, presentKey, presentValue };
}

/** Attention of whole rows, without a cache: `[rows, tokens, headCount · headSize]`. */
export function groupedAttentionNodes(
  graph: Graph,
  context: AttentionContext,
  projections: Projections,
): string {
  const { q } = projections;
  const tokens = castNode(graph, graph.node('Shape', [q], { start: 1, end: 2 }), 'int64', 'int32');
  const rows = graph.node('Shape', [q], { start: 0, end: 1 });
  return groupQueryAttention(graph, context.checkpoint, projections, {
    pastKey: '',
    pastValue: '',
    lastPositions: graph.node('Expand', [graph.node('Sub', [tokens, graph.int32(1)]), rows]),
    totalTokens: graph.node('Squeeze', [tokens]),
    cos: context.cos,
    sin: context.sin,
  }).attended;
}
