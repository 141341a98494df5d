import type { ModelShape } from './model-shape.ts';
import type { ShapePlan } from './shape-plan.ts';
import { workerMemory, type WeightFormat } from './worker-memory.ts';

/**
 * The fewest stages with which a worker stays within a limit: each pass over the rows loads every stage once.
 * @param rowTokens length of the longest row
 * @throws RangeError when not even a layer a stage does
 */
export function planStages(
  shape: ModelShape,
  plan: ShapePlan,
  rowTokens: number,
  limitBytes: number,
  format: WeightFormat,
): number {
  const { layerCount } = shape;
  for (let stages = 1; stages <= layerCount; stages++) {
    if (workerMemory(shape, plan, rowTokens, format, stages).totalBytes <= limitBytes) return stages;
  }
  const least = workerMemory(shape, plan, rowTokens, format, layerCount);
  throw new RangeError(
    `a worker needs ${mebibytes(least.totalBytes)} even with one of the model's ${layerCount} layers at a time (weights ${mebibytes(least.weightBytes)}, logits ${mebibytes(least.logitsBytes)}, activations ${mebibytes(least.activationBytes)}), and has ${mebibytes(limitBytes)}: give it more memory, or take shorter rows or a smaller shape plan`,
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
