import type { CellId } from '@blockpruner/perplexity';

/** What the fleet did and why, for the log; `reason` is one line. */
export type FleetEvent =
  | { readonly kind: 'worker-joined'; readonly workerId: string; readonly numericClass: string }
  | { readonly kind: 'worker-refused'; readonly workerId: string; readonly reason: string }
  | { readonly kind: 'worker-ready'; readonly workerId: string }
  | {
      readonly kind: 'worker-left';
      readonly workerId: string;
      readonly how: Leaving;
      readonly reason: string;
    }
  | {
      readonly kind: 'worker-draining';
      readonly workerId: string;
      readonly taskId: string;
      readonly reason: string;
    }
  | { readonly kind: 'work-shared'; readonly workerCount: number; readonly cellCount: number }
  | {
      readonly kind: 'work-stolen';
      readonly workerId: string;
      readonly fromWorkerId: string;
      readonly cellCount: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'task-recalled';
      readonly taskId: string;
      readonly workerId: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'task-copied';
      readonly taskId: string;
      readonly of: string;
      readonly workerId: string;
      readonly fromWorkerId: string;
      readonly reason: string;
    }
  | { readonly kind: 'task-done'; readonly workerId: string; readonly taskId: string }
  | {
      readonly kind: 'task-failed';
      readonly workerId: string;
      readonly taskId: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'task-reissued';
      readonly taskId: string;
      readonly into: string[];
      readonly lostWorkers: number;
    }
  | {
      readonly kind: 'cells-differ';
      readonly cell: CellId;
      /** Ids of the two. */
      readonly workerIds: readonly string[];
      readonly reason: string;
    }
  | {
      readonly kind: 'worker-convicted';
      readonly workerId: string;
      readonly cell: CellId;
      readonly reason: string;
    }
  | { readonly kind: 'checks-dropped'; readonly cellCount: number; readonly reason: string }
  | {
      readonly kind: 'lease-expired';
      readonly workerId: string;
      readonly taskId: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'cell-condemned';
      readonly cell: CellId;
      readonly workers: string[];
      readonly reason: string;
    }
  | {
      readonly kind: 'protocol-fault';
      readonly workerId: string;
      readonly taskId: string | null;
      readonly reason: string;
    };

/** A drained worker gave its tasks back; a lost one took them down, which counts against the task it ran. */
export type Leaving = 'drained' | 'lost';
