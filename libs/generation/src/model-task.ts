import type { BlockIndex, Healing, Mask } from '@blockpruner/blocks';
import type { Sampling } from './sampling.ts';

/** Which model the process is to hold. */
export interface LoadRequest {
  /** A Hugging Face folder, a .gguf file, or a folder with a graph of its own. */
  readonly modelPath: string;
  /** Blocks that are left out of it. */
  readonly mask: Mask;
  readonly cacheFolder: string;
  /** `cpu` or `cuda:<index>`. */
  readonly device: string;
  /** Of weights and products inside blocks; a graph of the folder's own has its own. */
  readonly dtype: 'auto' | 'fp32' | 'fp16' | 'bf16';
  readonly threads: number;
}

/** What the process holds, once it is loaded. */
export interface LoadedModel {
  /** Whether it runs from its weights, or only by the folder's own graph, which is all that there is. */
  readonly form: 'checkpoint' | 'graph';
  /** Of the checkpoint, before anything is left out; null for a graph. */
  readonly fingerprint: string | null;
}

/** Of a decoded copy that is being made. */
export interface LoadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly what: string;
}

/** What is to be scored, and by which graph. */
export interface ScoreRequest {
  /** Token ids, two or more a row. */
  readonly rows: readonly Int32Array[];
  /** `engine`: the evaluation graph that searches use. `graph`: the folder's own model.onnx, as other runtimes run it. */
  readonly with: 'engine' | 'graph';
}

/** The answer to a `ScoreRequest`. */
export interface RowScores {
  /** Mean negative log-likelihood of each row, nats. */
  readonly rowNats: readonly number[];
}

/** A prompt, and how it goes on. */
export interface GenerateRequest {
  readonly tokenIds: Int32Array;
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  /** Tokens that end the text; they are not given out. */
  readonly stopIds: readonly number[];
}

/** How a text was generated. */
export interface Generation {
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Of the prompt, up to the logits of the first token. */
  readonly prefillSeconds: number;
  /** Runs of one token behind the prompt. */
  readonly decodeSteps: number;
  readonly decodeSeconds: number;
  readonly end: 'stop-token' | 'max-tokens' | 'context';
}

/** Of a made-up prompt: only its length changes a time. */
export interface MeasureRequest {
  readonly promptTokens: number;
  readonly newTokens: number;
}

/** What a run of the model takes. */
export interface Measurement {
  readonly prefillSeconds: number;
  /** Prefill and the choice of the first token. */
  readonly firstTokenSeconds: number;
  /** Of `newTokens` steps. */
  readonly decodeSeconds: number;
  /** Of the whole process, behind the run. */
  readonly residentBytes: number;
  /** Of the model, in the type that it computes with; of a graph of its own, as the files hold them. */
  readonly weightBytes: number;
  /** Keys and values of one token. */
  readonly cacheBytesPerToken: number;
}

/** What is to be measured of a model that was loaded with a mask. */
export interface HealRequest {
  /** The blocks of the mask in the order in which they were removed. */
  readonly order: readonly BlockIndex[];
  /** Token ids, two or more a row: what the magnitudes are measured on. */
  readonly rows: readonly Int32Array[];
  /** Other rows, which show what the factors do; none scores nothing. */
  readonly scoredRows: readonly Int32Array[];
}

/** By what the residual stream is multiplied in the place of a removed block. */
export interface BlockFactor {
  readonly block: BlockIndex;
  readonly factor: number;
}

/** The factors of all removed blocks, and what they do. */
export interface HealResult {
  readonly healing: Healing;
  /** Of the scored rows, nats, with the blocks left out and with factors in their place; null without such rows. */
  readonly scores: { readonly without: number; readonly healed: number } | null;
}

/** What the process that holds a model can be asked for: the request, what is heard meanwhile, and the answer. */
export interface ModelTasks {
  readonly load: { request: LoadRequest; event: LoadProgress; result: LoadedModel };
  readonly score: { request: ScoreRequest; event: never; result: RowScores };
  /** Events are token ids. */
  readonly generate: { request: GenerateRequest; event: number; result: Generation };
  /** Events are factors as they are known. */
  readonly heal: { request: HealRequest; event: BlockFactor; result: HealResult };
  readonly measure: { request: MeasureRequest; event: never; result: Measurement };
}

/** To the process, one at a time. */
export type ModelAsk = {
  [Kind in keyof ModelTasks]: { readonly kind: Kind; readonly request: ModelTasks[Kind]['request'] };
}[keyof ModelTasks];

/** From it: events, then one result or failure. */
export type ModelReply =
  | { readonly kind: 'event'; readonly event: ModelTasks[keyof ModelTasks]['event'] }
  | { readonly kind: 'result'; readonly result: ModelTasks[keyof ModelTasks]['result'] }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      /** Whether what was asked for cannot be, such as a block that the model has not. */
      readonly isOfRequest: boolean;
    };
