import type { Checkpoint } from '@blockpruner/checkpoint';
import type { BlockContext } from './block-context.ts';
import { CachedAttention } from './cached-attention-nodes.ts';
import type { EvaluationGraph } from './evaluation-graph.ts';
import type { BlockDtype } from './graph-options.ts';
import { mhaNodes } from './mha-nodes.ts';
import { mlpNodes } from './mlp-nodes.ts';
import { normNodes } from './norm-nodes.ts';
import { castNode, encodeModel, Graph } from './onnx-graph.ts';
import { quantizedLinearNodes, type QuantizedTensor } from './quantized-nodes.ts';
import { Weights, weightsFolder } from './weights.ts';

/** How one decoder graph of a checkpoint differs from another. */
export interface DecoderOptions {
  /** Type of weights and products inside blocks, and of keys and values; all else is fp32. */
  readonly dtype: BlockDtype;
  /** Whose logits are computed: of `every` token that goes in, as generation runtimes expect, or of the `last` alone. */
  readonly logits: 'every' | 'last';
  /** Linear weights of blocks that are quantized, by name; for blocks in fp32. None where absent. */
  readonly quantized: ReadonlyMap<string, QuantizedTensor>;
  /** The head where it is quantized; the checkpoint's where absent. */
  readonly quantizedHead: QuantizedTensor;
}

/**
 * Builds the graph that generates text: tokens in, logits of the next ones out, with cached keys and values. Its names
 * are those of onnxruntime-genai, which runs it as it is; a layer may lack a block. What is left out of the options is
 * fp32 and the logits of every token.
 *
 * Inputs, with B rows of S tokens behind P cached ones:
 * - `input_ids [B, S]` int64
 * - `attention_mask [B, P + S]` int64, ones
 * - `past_key_values.N.key`, `.value [B, kvHeadCount, P or more, headSize]`, of attention block N of those there are
 *
 * Outputs:
 * - `logits [B, S or 1, vocab]` fp32
 * - `present.N.key`, `.value`: the past ones with those of the S tokens behind them, or in them where the past is
 *   longer than P
 */
export function buildDecoderGraph(
  checkpoint: Checkpoint,
  { dtype = 'float32', logits = 'every', quantized, quantizedHead }: Partial<DecoderOptions> = {},
): EvaluationGraph {
  const graph = new Graph('model');
  const folder = weightsFolder(checkpoint);
  const weights = new Weights(graph, folder);
  const context: BlockContext = { checkpoint, weights, dtype, quantized };

  const tokens = graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const attention = new CachedAttention(graph, context);
  const stored = graph.node('Gather', [weights.asStored(checkpoint.embedding), tokens]);
  let x = castNode(graph, stored, checkpoint.embedding.dtype, 'float32');
  for (const { mha, mlp } of checkpoint.layers) {
    if (mha !== null) x = mhaNodes(graph, context, mha, x, attention.next());
    if (mlp !== null) x = mlpNodes(graph, context, mlp, x);
  }
  const read = logits === 'every' ? x : lastTokenNodes(graph, x);
  graph.namedOutput('logits', logitNodes(graph, context, read, quantizedHead), 'float32', [
    'batch_size',
    logits === 'every' ? 'sequence_length' : 1,
    checkpoint.shape.vocabSize,
  ]);
  return { modelBytes: encodeModel(graph), externalDataFolder: folder };
}

/** `[rows, tokens, hidden] → [rows, 1, hidden]` */
function lastTokenNodes(graph: Graph, x: string): string {
  const end = graph.int64([Number.MAX_SAFE_INTEGER]);
  return graph.node('Slice', [x, graph.int64([-1]), end, graph.int64([1])]);
}

/** Final norm and output projection: `[rows, tokens, hidden] → [rows, tokens, vocab]`. */
function logitNodes(
  graph: Graph,
  { checkpoint, weights }: BlockContext,
  x: string,
  quantizedHead: QuantizedTensor | undefined,
): string {
  const { hiddenSize, vocabSize } = checkpoint.shape;
  const normed = normNodes(graph, weights, checkpoint, x, checkpoint.finalNorm);
  const flat = graph.node('Reshape', [normed, graph.int64([-1, hiddenSize])]);
  const logits = quantizedHead
    ? quantizedLinearNodes(graph, flat, quantizedHead)
    : graph.node('Gemm', [flat, weights.value(checkpoint.head, 'float32')], { transB: 1 });
  const rowsAndTokens = graph.node('Shape', [x], { start: 0, end: 2 });
  const shape = graph.node('Concat', [rowsAndTokens, graph.int64([vocabSize])], { axis: 0 });
  return graph.node('Reshape', [logits, shape]);
}
