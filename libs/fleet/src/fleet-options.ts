import type { Sizes } from './task.ts';

/** How patient a fleet is, and for which model and rows it works. */
export interface FleetOptions extends Sizes {
  /** A worker that holds tasks and delivers no cell for so long is dropped. */
  readonly leaseMs: number;
  /** A worker that says nothing for so long is dropped. */
  readonly heartbeatTimeoutMs: number;
  /** One running, the others waiting at the worker so that it never idles. */
  readonly maxTasksPerWorker: number;
  /** Whether workers of any numeric class are let in; else only those of the first one's class. */
  readonly mixedClasses?: boolean;
  /** The class of the cells there are already, where a run is resumed. */
  readonly numericClass?: string;
}
