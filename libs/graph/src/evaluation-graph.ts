import type { Checkpoint } from '@blockpruner/checkpoint';
import type { Attend, AttentionContext } from './block-context.ts';
import { gateNodes } from './gate-nodes.ts';
import { resolveGraphOptions, type GraphOptions } from './graph-options.ts';
import { groupedAttentionNodes } from './grouped-attention-nodes.ts';
import { headNodes } from './head-nodes.ts';
import { mhaNodes } from './mha-nodes.ts';
import { mlpNodes } from './mlp-nodes.ts';
import { multiHeadAttentionNodes, windowBiasNodes } from './multi-head-attention-nodes.ts';
import { castNode, encodeModel, Graph } from './onnx-graph.ts';
import { Weights, weightsFolder } from './weights.ts';

/** An ONNX model as bytes; its weights stay in the checkpoint's files below `externalDataFolder`. */
export interface EvaluationGraph {
  readonly modelBytes: Uint8Array;
  readonly externalDataFolder: string;
}

/**
 * Builds the graph that serves every evaluation of a checkpoint, or of a stage of it. What is left out of the
 * options is fp32, grouped attention and the whole model.
 *
 * Inputs, with B rows of S tokens in a micro-batch, and N blocks in the stage:
 * - `x [G·B, S, hidden]` fp32: the residual stream at the first block that is kept; G groups, the baseline first
 * - `row_count [1]` int64: B
 * - `keep [N]` bool: false passes the residual stream through the block
 * - `fork [N]` bool: true starts a candidate that removes this block: the baseline's stream before the block is
 *   appended behind the groups there are
 * - `fork_layer [N/2]` bool: true starts a candidate that removes both blocks of this layer: the baseline's stream
 *   before the first is appended behind the second, after the second's own candidate
 * - `cos`, `sin [S, headSize/2]` fp32
 *
 * and of the last stage only:
 * - `run_head` bool, `chunk_tokens` int64: whether, and in chunks of how many tokens, the head runs
 * - `targets [B·S]` int64
 *
 * Outputs, with R = G + forks groups, those of `x` first, then the candidates in the order they start:
 * - `nll [R·B·S]` fp32, nats, of the last stage only; empty without the head
 * - `hidden [R·B, S, hidden]` fp32: the residual stream behind the stage's last block
 *
 * @throws RangeError when the stage is not a run of whole layers of the model
 */
export function buildEvaluationGraph(
  checkpoint: Checkpoint,
  given: Partial<GraphOptions> = {},
): EvaluationGraph {
  const { hiddenSize, layerCount } = checkpoint.shape;
  const options = resolveGraphOptions(layerCount, given);
  const graph = new Graph('model');
  const folder = weightsFolder(checkpoint);
  const weights = new Weights(graph, folder);

  const x = graph.input('x', 'float32', ['group_rows', 'tokens', hiddenSize]);
  const hidden = stageNodes(graph, weights, checkpoint, options, x);
  if (options.stage.end === 2 * layerCount) {
    const nll = headNodes(graph, weights, checkpoint, {
      x: hidden,
      targets: graph.input('targets', 'int64', ['targets']),
      chunkTokens: graph.input('chunk_tokens', 'int64', []),
      runHead: graph.input('run_head', 'bool', []),
    });
    graph.namedOutput('nll', nll, 'float32', ['nll']);
  }
  graph.namedOutput('hidden', hidden, 'float32', ['hidden_rows', 'tokens', hiddenSize]);
  return { modelBytes: encodeModel(graph), externalDataFolder: folder };
}

/** The blocks of the stage, their gates and forks: `[G·B, S, hidden] → [R·B, S, hidden]`. */
function stageNodes(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  { dtype, attention, stage }: GraphOptions,
  input: string,
): string {
  const blockCount = stage.end - stage.start;
  const rowCount = graph.input('row_count', 'int64', [1]);
  const keep = graph.input('keep', 'bool', [blockCount]);
  const fork = graph.input('fork', 'bool', [blockCount]);
  const forkLayer = graph.input('fork_layer', 'bool', [blockCount / 2]);
  const context = attentionContext(graph, weights, checkpoint, { dtype, attention });
  const attentionNodes = attention === 'grouped' ? groupedAttentionNodes : multiHeadAttentionNodes;
  const attend: Attend = (branch, projections) => attentionNodes(branch, context, projections);
  const forked = (gates: string, index: number, y: string, before: string): string =>
    gateNodes(
      graph,
      { name: gates, index },
      (branch) => {
        const baseline = branch.node('Slice', [before, branch.int64([0]), rowCount, branch.int64([0])]);
        return branch.node('Concat', [y, baseline], { axis: 0 });
      },
      y,
    );

  let x = input;
  const layers = checkpoint.layers.slice(stage.start / 2, stage.end / 2);
  layers.forEach(({ mha, mlp }, layer) => {
    const beforeLayer = x;
    if (mha !== null) {
      const gate = { name: keep, index: 2 * layer };
      x = gateNodes(
        graph,
        gate,
        (branch) => mhaNodes(branch, context, mha, beforeLayer, attend),
        beforeLayer,
      );
      x = forked(fork, 2 * layer, x, beforeLayer);
    }
    const beforeMlp = x;
    if (mlp !== null) {
      const gate = { name: keep, index: 2 * layer + 1 };
      x = gateNodes(graph, gate, (branch) => mlpNodes(branch, context, mlp, beforeMlp), beforeMlp);
      x = forked(fork, 2 * layer + 1, x, beforeMlp);
    }
    if (mha !== null && mlp !== null) x = forked(forkLayer, layer, x, beforeLayer);
  });
  return x;
}

function attentionContext(
  graph: Graph,
  weights: Weights,
  checkpoint: Checkpoint,
  { dtype, attention }: Pick<GraphOptions, 'dtype' | 'attention'>,
): AttentionContext {
  const half = checkpoint.shape.headSize / 2;
  const cos = graph.input('cos', 'float32', ['tokens', half]);
  const sin = graph.input('sin', 'float32', ['tokens', half]);
  const { slidingWindowTokens } = checkpoint;
  return {
    checkpoint,
    weights,
    dtype,
    cos: castNode(graph, cos, 'float32', dtype),
    sin: castNode(graph, sin, 'float32', dtype),
    windowBias:
      attention === 'multi-head' && slidingWindowTokens !== null
        ? windowBiasNodes(graph, cos, slidingWindowTokens, dtype)
        : undefined,
  };
}
