import type { Sizes } from './task.ts';

/** How patient a fleet is, and for which model and rows it works. */
export interface FleetOptions extends Sizes {
  /** A worker that holds tasks and delivers no cell for so long is dropped. */
  readonly leaseMs: number;
  /** A worker that says nothing for so long is dropped. */
  readonly heartbeatTimeoutMs: number;
  /** One running, the others waiting at the worker so that it never idles. */
  readonly maxTasksPerWorker: number;
  /** How long a task may take by its worker's measured speed, so that its loss costs little; 10 s where absent. */
  readonly targetTaskMs?: number;
  /** Share of the cells that two workers compute, from 0 to 1; none where absent. */
  readonly checkedShare?: number;
  /** Rows on which two workers compute the candidates that `confirm` names; none where absent. */
  readonly confirmedRows?: number;
  /** Which cells and rows these are. */
  readonly seed?: number;
  /** Whether workers of any numeric class are let in; else only those of the first one's class. */
  readonly mixedClasses?: boolean;
  /** The class of the cells there are already, where a run is resumed. */
  readonly numericClass?: string;
}
