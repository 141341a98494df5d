import type { ModelShape } from '@blockpruner/blocks';
import type { Cell, CellId } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';
import type { ArtifactAddress } from '@blockpruner/wire';
import type { ShapePlans } from './shape-plans.ts';

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

/** What a fleet driver works for, and who hears of it. */
export interface FleetDriverOptions extends CellHandlers {
  readonly runId: string;
  readonly model: { readonly path: string; readonly fingerprint: string };
  readonly shape: ModelShape;
  readonly rows: readonly Int32Array[];
  /** Plans of numeric classes that a resumed run has fixed. */
  readonly shapePlans?: ShapePlans;
  readonly longestRowTokens: number;
  /** Rows a micro-batch, where the user has fixed them. */
  readonly microBatchRows: number | null;
  /** Where workers that do not see the model fetch it; null: nowhere. */
  readonly artifacts: ArtifactAddress | null;
  /** How long a worker may compute without delivering a cell. */
  readonly leaseMs: number;
  /** The class of the cells a resumed run already has. */
  readonly numericClass?: string;
  /** Whether workers of other classes are let in too. */
  readonly mixedClasses: boolean;
  /** Whether workers that cannot be used may be followed by others. */
  readonly remote: boolean;
  /** Which cells are computed by two workers. */
  readonly seed: number;
  /** Longest task by its worker's speed; the fleet's own measure where absent. */
  readonly targetTaskMs?: number;
  readonly logger: Logger;
  /** What the journal shall hold of the workers: who joined, the plan of a class, a plan that shrank. */
  readonly onNote: (note: FleetNote) => void;
  /** Two workers differ in this cell, and there is no third one to decide; said at each tick. */
  readonly onUndecided: (cell: CellId) => void;
}
