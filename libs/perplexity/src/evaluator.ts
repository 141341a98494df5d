import type { ShapePlan, Sweep } from '@blockpruner/blocks';
import type { Cell } from './cell.ts';

/** A calibration row with its place in the set. */
export interface IndexedRow {
  readonly index: number;
  readonly tokenIds: Int32Array;
}

/** Computes cells. Inference implements it on onnxruntime; tests with a table of numbers. */
export interface Evaluator {
  /**
   * Evaluates the sweep over each row.
   * @param onCells called after each finished run with its cells; with none where a run is only a part of the way to them
   * @param signal ends the evaluation between two runs, by throwing its reason
   */
  evaluate(
    sweep: Sweep,
    rows: readonly IndexedRow[],
    plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
    signal?: AbortSignal,
  ): Promise<void>;
}
