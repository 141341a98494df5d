import type { Checkpoint } from '@blockpruner/checkpoint';
import { mhaNodes, mlpNodes, Weights, weightsFolder, type RopeValues } from './block-nodes.ts';
import { headNodes } from './head-nodes.ts';
import { encodeModel, Graph } from './onnx-graph.ts';

/** An ONNX model as bytes; its weights stay in the checkpoint's files below `externalDataFolder`. */
export interface EvaluationGraph {
  readonly modelBytes: Uint8Array;
  readonly externalDataFolder: string;
}

/**
 * Builds the one graph that serves every evaluation of a checkpoint.
 *
 * Inputs, with B rows of S tokens in a micro-batch and N blocks:
 * - `x [B, S, hidden]` fp32: the residual stream at the first block that is kept
 * - `keep [N]` bool: false passes the residual stream through the block
 * - `fork [N]` bool: true starts a candidate that removes this block: the baseline's stream before the block is
 *   appended behind the groups there are
 * - `run_head` bool, `chunk_tokens` int64: whether, and in chunks of how many tokens, the head runs
 * - `targets [B·S]` int64, `cos`, `sin [S, headSize/2]` fp32
 *
 * Outputs, with R = 1 + forks groups, the baseline first, then the candidates in block order:
 * - `nll [R·B·S]` fp32, nats; empty without the head
 * - `hidden [R·B, S, hidden]` fp32: the residual stream behind the last block
 */
export function buildEvaluationGraph(checkpoint: Checkpoint): EvaluationGraph {
  const { hiddenSize, layerCount, headSize } = checkpoint.shape;
  const blockCount = 2 * layerCount;
  const graph = new Graph('model');
  const folder = weightsFolder(checkpoint);
  const weights = new Weights(graph, folder);

  let x = graph.input('x', 'float32', ['batch', 'tokens', hiddenSize]);
  const keep = graph.input('keep', 'bool', [blockCount]);
  const fork = graph.input('fork', 'bool', [blockCount]);
  const runHead = graph.input('run_head', 'bool', []);
  const chunkTokens = graph.input('chunk_tokens', 'int64', []);
  const targets = graph.input('targets', 'int64', ['targets']);
  const rope: RopeValues = {
    cos: graph.input('cos', 'float32', ['tokens', headSize / 2]),
    sin: graph.input('sin', 'float32', ['tokens', headSize / 2]),
  };
  const batch = graph.node('Shape', [x], { start: 0, end: 1 });

  for (let block = 0; block < blockCount; block++) {
    const layer = checkpoint.layers[block >> 1];
    const before = x;
    const kept = new Graph(`keep_${block}`);
    const behind =
      block % 2 === 0
        ? mhaNodes(kept, weights, checkpoint, layer.mha, before, rope)
        : mlpNodes(kept, weights, checkpoint, layer.mlp, before);
    kept.output(behind, 'float32');
    const y = choose(graph, keep, block, kept, passThrough(`skip_${block}`, before));

    const forked = new Graph(`fork_${block}`);
    const baseline = forked.node('Slice', [before, forked.int64([0]), batch, forked.int64([0])]);
    forked.output(forked.node('Concat', [y, baseline], { axis: 0 }), 'float32');
    x = choose(graph, fork, block, forked, passThrough(`stay_${block}`, y));
  }

  const nll = headNodes(graph, weights, checkpoint, { x, targets, chunkTokens, runHead });
  graph.namedOutput('nll', nll, 'float32', ['nll']);
  graph.namedOutput('hidden', x, 'float32', ['groups', 'tokens', hiddenSize]);
  return { modelBytes: encodeModel(graph), externalDataFolder: folder };
}

function choose(graph: Graph, gates: string, block: number, thenBranch: Graph, elseBranch: Graph): string {
  const gate = graph.node('Gather', [gates, graph.int64(block)]);
  return graph.node('If', [gate], { then_branch: thenBranch, else_branch: elseBranch });
}

function passThrough(name: string, value: string): Graph {
  const branch = new Graph(name);
  branch.output(branch.node('Identity', [value]), 'float32');
  return branch;
}
