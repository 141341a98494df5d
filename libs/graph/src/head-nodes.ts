import type { Checkpoint } from '@blockpruner/checkpoint';
import { normNodes } from './norm-nodes.ts';
import { castNode, Graph } from './onnx-graph.ts';
import type { Weights } from './weights.ts';

const VOCABULARY_GROUPS = 64;
/** Below every real logit, and finite, so that a group of padding alone yields no NaN. */
const IMPOSSIBLE_LOGIT = -1e30;

export interface HeadInputs {
  /** Residual stream behind the last block, `[groups · rows, tokens, hidden]`. */
  readonly x: string;
  /** `[rows · tokens]` int64; the same targets serve every group. */
  readonly targets: string;
  /** int64 scalar: tokens whose logits exist at one time. */
  readonly chunkTokens: string;
  /** bool scalar: false skips the head. */
  readonly runHead: string;
}

/**
 * Final norm, output projection and next-token negative log-likelihood in nats: `[groups · rows · tokens]`
 * fp32, or nothing when the head is switched off.
 *
 * The loop runs over chunks of tokens so that logits never exist as a whole. It is gated by its trip count and
 * not by an `If` around it: weights two subgraph levels deep would lose pre-packing and with it their bits.
 */
export function headNodes(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  inputs: HeadInputs,
): string {
  const rows = graph.node('Reshape', [inputs.x, graph.int64([-1, checkpoint.shape.hiddenSize])]);
  const rowCount = graph.node('Shape', [rows], { start: 0, end: 1 });
  const chunk = graph.node('Reshape', [inputs.chunkTokens, graph.int64([1])]);
  const one = graph.int64([1]);
  const chunkCount = graph.node('Div', [
    graph.node('Sub', [graph.node('Add', [rowCount, chunk]), one]),
    chunk,
  ]);
  const padding = graph.node('Sub', [graph.node('Mul', [chunkCount, chunk]), rowCount]);

  const padRows = graph.node('Concat', [graph.int64([0, 0]), padding, graph.int64([0])], { axis: 0 });
  const paddedRows = graph.node('Pad', [rows, padRows]);
  const groupCount = graph.node('Div', [rowCount, graph.node('Shape', [inputs.targets])]);
  const everyTarget = graph.node('Tile', [inputs.targets, groupCount]);
  const padTargets = graph.node('Concat', [graph.int64([0]), padding], { axis: 0 });
  const paddedTargets = graph.node('Pad', [everyTarget, padTargets]);

  const switchedOn = castNode(graph, inputs.runHead, 'bool', 'int64');
  const tripCount = graph.node('Mul', [graph.node('Squeeze', [chunkCount]), switchedOn]);
  const body = chunkBody(graph, weights, checkpoint, { paddedRows, paddedTargets, chunk });
  const chunks = graph.node('Loop', [tripCount, ''], { body });
  const all = graph.node('Reshape', [chunks, graph.int64([-1])]);
  return graph.node('Slice', [all, graph.int64([0]), rowCount]);
}

function chunkBody(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  outer: { paddedRows: string; paddedTargets: string; chunk: string },
): Graph {
  const body = new Graph('head', graph);
  const iteration = body.input('head/iteration', 'int64', []);
  const condition = body.input('head/condition', 'bool', []);
  const start = body.node('Mul', [body.node('Reshape', [iteration, body.int64([1])]), outer.chunk]);
  const end = body.node('Add', [start, outer.chunk]);
  const axis = body.int64([0]);
  const x = body.node('Slice', [outer.paddedRows, start, end, axis]);
  const targets = body.node('Slice', [outer.paddedTargets, start, end, axis]);
  const normed = normNodes(body, weights, checkpoint, x, checkpoint.finalNorm);
  const logits = body.node('Gemm', [normed, weights.value(checkpoint.head, 'float32')], { transB: 1 });
  const nll = body.node('Neg', [logProbabilityNodes(body, logits, targets, checkpoint.shape.vocabSize)]);
  body.output(body.node('Identity', [condition]), 'bool', []);
  body.output(nll, 'float32', ['chunk']);
  return body;
}

/**
 * `log p(target)` from `logits [n, vocab]` as `log p(group of target) + log p(target | its group)`, where the
 * vocabulary is cut into groups of consecutive ids. Summing 49,152 exponentials in fp32 in one go loses up to
 * 2e-5 nats, always in the same direction; sums over groups of some hundred do not.
 */
function logProbabilityNodes(graph: Graph, logits: string, targets: string, vocabSize: number): string {
  const groupCount = vocabSize < 2 * VOCABULARY_GROUPS ? 1 : VOCABULARY_GROUPS;
  const groupSize = Math.ceil(vocabSize / groupCount);
  const padding = groupSize * groupCount - vocabSize;
  const padded =
    padding === 0
      ? logits
      : graph.node('Pad', [logits, graph.int64([0, 0, 0, padding]), graph.float32(IMPOSSIBLE_LOGIT)]);
  const grouped = graph.node('Reshape', [padded, graph.int64([-1, groupSize])]);
  const withinGroup = graph.node('LogSoftmax', [grouped], { axis: -1 });

  const [from, to, axis] = [graph.int64([0]), graph.int64([1]), graph.int64([1])];
  const firstLogit = graph.node('Slice', [grouped, from, to, axis]);
  const firstLogProbability = graph.node('Slice', [withinGroup, from, to, axis]);
  const groupLogSums = graph.node('Reshape', [
    graph.node('Sub', [firstLogit, firstLogProbability]),
    graph.int64([-1, groupCount]),
  ]);
  const ofGroup = graph.node('LogSoftmax', [groupLogSums], { axis: -1 });

  const column = graph.node('Unsqueeze', [targets, axis]);
  const groupColumn = graph.node('Div', [column, graph.int64([groupSize])]);
  const flat = graph.node('Reshape', [withinGroup, graph.int64([-1, groupSize * groupCount])]);
  const picked = graph.node('Add', [
    graph.node('GatherElements', [ofGroup, groupColumn], { axis: 1 }),
    graph.node('GatherElements', [flat, column], { axis: 1 }),
  ]);
  return graph.node('Squeeze', [picked, axis]);
}
