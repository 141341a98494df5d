import { Graph } from './onnx-graph.ts';

/** `value` where flag `index` of `gates` is set, computed there only, else `otherwise`. Both are fp32. */
export function gateNodes(
  graph: Graph,
  gates: { readonly name: string; readonly index: number },
  whenSet: (branch: Graph) => string,
  otherwise: string,
): string {
  const prefix = `${gates.name}_${gates.index}`;
  const thenBranch = new Graph(prefix, graph);
  thenBranch.output(whenSet(thenBranch), 'float32');
  const elseBranch = new Graph(`${prefix}_not`, graph);
  elseBranch.output(elseBranch.node('Identity', [otherwise]), 'float32');
  const gate = graph.node('Gather', [gates.name, graph.int64(gates.index)]);
  return graph.node('If', [gate], { then_branch: thenBranch, else_branch: elseBranch });
}
