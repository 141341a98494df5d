import type { Cell } from '@blockpruner/perplexity';
import type { FleetEvent } from './fleet-event.ts';
import type { Task } from './task.ts';

/** A task given to a worker: a lease begins. */
export interface Assignment {
  readonly workerId: string;
  readonly task: Task;
}

/** What became of delivered cells. */
export interface Delivery {
  /** Whether the task is one to compute in fp32, whatever the class. */
  readonly inFp32: boolean;
  /** First values: to be stored. */
  readonly accepted: Cell[];
  /** Cells that the task delivered before: to be compared, never stored. */
  readonly duplicates: Cell[];
  readonly events: FleetEvent[];
}
