import type { BlockIndex, Mask, ShapePlan } from '@blockpruner/blocks';
import type { Cell, IndexedRow } from '@blockpruner/perplexity';

/** The first message of a worker: who it is, and the range of protocol versions it speaks. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** Random, made when the worker process starts; the same when it dials again. */
  readonly workerId: string;
  /** For people: `host:pid`. */
  readonly name: string;
  readonly numericClass: string;
  /** `cpu`, `cuda:0`. */
  readonly device: string;
  /** Memory of the device that the worker may use. */
  readonly memoryBytes: number;
  /** CPU threads the worker computes with. */
  readonly threads: number;
  /** Version of the worker's software. */
  readonly version: string;
}

/** What a worker says. */
export type WorkerMessage =
  | Hello
  | { readonly kind: 'ready'; readonly modelFingerprint: string }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'cells'; readonly taskId: string; readonly cells: readonly Cell[] }
  | { readonly kind: 'taskDone'; readonly taskId: string; readonly computeSeconds: number }
  | {
      readonly kind: 'taskFailed';
      readonly taskId: string;
      readonly reason: string;
      readonly retryable: boolean;
    }
  /** The worker can do nothing for this run: the model is missing, or another one. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The worker goes away, drained or interrupted. */
  | { readonly kind: 'leaving'; readonly reason: string };

/** One segment of a sweep over some rows, as it is sent. */
export interface WireTask {
  readonly taskId: string;
  readonly base: Mask;
  /** Ascending; none of them in `base`. */
  readonly candidates: readonly BlockIndex[];
  /** Whether the base mask itself is evaluated too; true when there are no candidates. */
  readonly baseline: boolean;
  readonly rows: readonly IndexedRow[];
  readonly plan: ShapePlan;
}

/** The answer to hello: what a worker needs to know of the run. */
export interface Welcome {
  readonly kind: 'welcome';
  /** Protocol version of the stream. */
  readonly protocol: number;
  readonly runId: string;
  readonly model: { readonly path: string; readonly fingerprint: string };
  /** Interval between the worker's heartbeats. */
  readonly heartbeatMs: number;
  /** The plan of the worker's numeric class; null when the worker shall find one. */
  readonly shapePlan: ShapePlan | null;
}

/** What the coordinator says. */
export type CoordinatorMessage =
  | Welcome
  | { readonly kind: 'assign'; readonly task: WireTask }
  | { readonly kind: 'cancel'; readonly taskId: string }
  /** Finish the task in hand, take no other, then leave. */
  | { readonly kind: 'drain' }
  /** The run is over. */
  | { readonly kind: 'finished' }
  /** The worker is turned away, and dialling again would not change that. */
  | { readonly kind: 'refused'; readonly reason: string };
