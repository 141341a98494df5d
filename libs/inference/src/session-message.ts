import type { ModelShape, ShapePlan, Sweep } from '@blockpruner/blocks';
import type { Cell, IndexedRow } from '@blockpruner/perplexity';
import type { Dtype } from './dtype.ts';

/** What to load before anything is evaluated. */
export interface LoadRequest {
  readonly modelPath: string;
  readonly cacheFolder: string;
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  /** Of the numeric class; a task may ask for fp32. */
  readonly dtype: Dtype;
  /** Null chooses by measuring. */
  readonly threads: number | null;
  /** The most threads that measuring may choose. */
  readonly maxThreads: number;
  /** Whether processes of this machine map one file of packed weights in the cache folder. */
  readonly sharedWeights: boolean;
  /** Host memory that this process and its owner may use. */
  readonly memoryLimitBytes: number;
  /** Memory of the device: the limit on a CPU, the GPU's own where it is known. */
  readonly deviceMemoryBytes: number;
  /** Tokens of the longest row that will come: what memory is planned for. */
  readonly longestRowTokens: number;
  /** Rows a micro-batch where they are fixed; null chooses. */
  readonly microBatchRows: number | null;
  /** The plan of the numeric class; null chooses one. */
  readonly shapePlan: ShapePlan | null;
  /** Parts that the model is cut into, one in memory at a time; `auto` takes as few as fit. */
  readonly stages: number | 'auto';
}

/** What was loaded, and what was measured for it. */
export interface LoadedModel {
  readonly fingerprint: string;
  readonly shape: ModelShape;
  readonly shapePlan: ShapePlan;
  /** Of a large matrix product; 0 where it was not measured. */
  readonly peakFlopsPerSecond: number;
  readonly threads: number;
  /** What did not go as asked, a line each. */
  readonly notes: readonly string[];
}

export interface EvaluateRequest {
  readonly taskId: string;
  readonly sweep: Sweep;
  readonly rows: readonly IndexedRow[];
  readonly plan: ShapePlan;
  /** Whether to compute in fp32, whatever the dtype of the class. */
  readonly inFp32: boolean;
}

/** Why a task failed in a process that goes on. */
export interface TaskFailure {
  readonly reason: string;
  /**
   * `non-finite`: it would fail the same way anywhere. `out-of-memory`, `provider`: onnxruntime failed, by size or
   * otherwise; the process is not to be trusted with more. `request`: of what was asked.
   */
  readonly cause: 'non-finite' | 'out-of-memory' | 'provider' | 'request';
}

/** From the answering process to its compute child. */
export type SessionRequest =
  | { readonly kind: 'load'; readonly request: LoadRequest }
  | { readonly kind: 'evaluate'; readonly request: EvaluateRequest }
  | { readonly kind: 'cancel'; readonly taskId: string };

/** From the compute child back. */
export type SessionReply =
  | {
      readonly kind: 'loading';
      readonly what: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'loaded'; readonly model: LoadedModel }
  | { readonly kind: 'load-failed'; readonly reason: string; readonly isOfDevice: boolean }
  | { readonly kind: 'started'; readonly taskId: string }
  | { readonly kind: 'cells'; readonly taskId: string; readonly cells: Cell[] }
  | { readonly kind: 'done'; readonly taskId: string; readonly computeSeconds: number }
  | { readonly kind: 'failed'; readonly taskId: string; readonly failure: TaskFailure };
