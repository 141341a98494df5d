import type { ShapePlan, Sweep } from '@blockpruner/blocks';
import type { Cell, IndexedRow } from '@blockpruner/perplexity';

/** What to load before anything is evaluated. */
export interface LoadRequest {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly device: string;
  readonly threads: number;
}

export interface EvaluateRequest {
  readonly taskId: string;
  readonly sweep: Sweep;
  readonly rows: readonly IndexedRow[];
  readonly plan: ShapePlan;
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
  | { readonly kind: 'loaded'; readonly fingerprint: string }
  | { readonly kind: 'load-failed'; readonly reason: string }
  | { readonly kind: 'cells'; readonly taskId: string; readonly cells: Cell[] }
  | { readonly kind: 'done'; readonly taskId: string; readonly computeSeconds: number }
  | {
      readonly kind: 'failed';
      readonly taskId: string;
      readonly reason: string;
      readonly retryable: boolean;
    };
