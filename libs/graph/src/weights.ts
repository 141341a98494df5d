import { dirname, relative } from 'node:path';
import type { Checkpoint, TensorLocation } from '@blockpruner/checkpoint';
import type { BlockDtype } from './graph-options.ts';
import { castNode, type Graph } from './onnx-graph.ts';

/**
 * Declares checkpoint tensors as initializers of the outermost graph, once each, and gives them in the type asked
 * for. onnxruntime folds the casts when it loads the model, those up to 1 GiB unless the session raises its
 * `optimization.constant_folding_max_output_size_in_bytes`. The tensors stay in the outermost graph even when a
 * branch uses them: weights of a branch are pre-packed only when they live one level up.
 */
export class Weights {
  private readonly graph: Graph;
  private readonly folder: string;
  private readonly values = new Map<string, string>();

  constructor(graph: Graph, folder: string) {
    this.graph = graph;
    this.folder = folder;
  }

  value(tensor: TensorLocation, type: BlockDtype): string {
    return this.once(`${tensor.name} ${type}`, () =>
      castNode(this.graph, this.asStored(tensor), tensor.dtype, type),
    );
  }

  /** In the type that it has in the file. */
  asStored(tensor: TensorLocation): string {
    return this.once(tensor.name, () =>
      this.graph.external({
        name: tensor.name,
        type: tensor.dtype,
        shape: tensor.shape,
        location: relative(this.folder, tensor.file),
        offsetBytes: tensor.offsetBytes,
        lengthBytes: tensor.lengthBytes,
      }),
    );
  }

  private once(key: string, declare: () => string): string {
    const value = this.values.get(key) ?? declare();
    this.values.set(key, value);
    return value;
  }
}

/** The folder that all weights are below: onnxruntime takes external data from one folder only. */
export function weightsFolder(checkpoint: Checkpoint): string {
  return dirname(checkpoint.finalNorm.file);
}
