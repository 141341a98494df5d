import type { Cell } from '@blockpruner/perplexity';

/** Where cells come from. */
export interface CellSource {
  readonly workerName: string;
  readonly numericClass: string;
  /** Whether they were asked for in fp32, whatever the class. */
  readonly inFp32: boolean;
}

/** What hears of the fleet's cells. */
export interface CellHandlers {
  /** New cells, each once. */
  readonly onCells: (cells: readonly Cell[], source: CellSource) => void;
  /** Values that replace those that came before, which were found to be wrong. */
  readonly onCorrected: (cells: readonly Cell[], source: CellSource) => void;
}

/** An event with fields of its own. */
export type FleetNote = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** What goes on inside an evaluation, for displays. */
export interface EvaluationProgress {
  readonly doneCells: number;
  readonly totalCells: number;
  readonly doneFlops: number;
  readonly totalFlops: number;
  readonly tokensPerSecond: number;
  readonly readyWorkers: number;
  /** Those that still load their model, too. */
  readonly connectedWorkers: number;
}

/** Called while something is evaluated. */
export interface EvaluationHooks {
  readonly onProgress: (progress: EvaluationProgress) => void;
  /** A worker has nothing to do: called at every tick for which that is so. */
  readonly onWaiting: () => void;
}
