import type { BlockIndex, Mask, ShapePlan, UnitKind } from '@blockpruner/blocks';
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
  | {
      readonly kind: 'ready';
      readonly modelFingerprint: string;
      /** The plan the worker found by measuring, or the one that welcome gave it. */
      readonly shapePlan: ShapePlan;
      /** Measured speed of a large matrix product on the worker's device; 0 where it was not measured. */
      readonly peakFlopsPerSecond: number;
    }
  | {
      readonly kind: 'heartbeat';
      /** A task that has got on without yielding a cell; null where there is none. */
      readonly taskId: string | null;
    }
  | { readonly kind: 'cells'; readonly taskId: string; readonly cells: readonly Cell[] }
  | { readonly kind: 'taskDone'; readonly taskId: string; readonly computeSeconds: number }
  | {
      readonly kind: 'taskFailed';
      readonly taskId: string;
      readonly reason: string;
      readonly retryable: boolean;
      /** The largest plan the worker uses from now on, after it ran out of memory; else null. */
      readonly shrunkPlan: ShapePlan | null;
    }
  /** The worker can do nothing for this run: the model is missing, or another one. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The worker goes away, drained or interrupted. */
  | { readonly kind: 'leaving'; readonly reason: string }
  /** The worker finishes this task, gives all others back, then leaves. */
  | { readonly kind: 'draining'; readonly taskId: string; readonly reason: string };

/** One segment of a sweep over some rows, as it is sent. */
export interface WireTask {
  readonly taskId: string;
  readonly base: Mask;
  /** The first block of each candidate: ascending; none of their blocks in `base`. */
  readonly candidates: readonly BlockIndex[];
  readonly unit: UnitKind;
  /** Whether the base mask itself is evaluated too; true when there are no candidates. */
  readonly baseline: boolean;
  readonly rows: readonly IndexedRow[];
  readonly plan: ShapePlan;
  /** Whether to compute in fp32, whatever the dtype of the worker's class. */
  readonly inFp32: boolean;
}

/** Where the model's files can be had, by workers that do not see them. */
export interface ArtifactAddress {
  /** Null: the host that the worker has dialled. */
  readonly host: string | null;
  readonly port: number;
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
  /** Tokens of the longest row that will come: what a worker plans its memory for. */
  readonly longestRowTokens: number;
  /** Rows a micro-batch where the user has fixed them; null when the worker shall choose. */
  readonly microBatchRows: number | null;
  /** Null when workers must see the model's files themselves. */
  readonly artifacts: ArtifactAddress | null;
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
