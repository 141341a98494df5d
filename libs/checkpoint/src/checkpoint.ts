import type { ModelShape } from '@blockpruner/blocks';
import type { Dtype } from './dtype.ts';

/** Where a tensor's elements lie on disk, row-major and little-endian. */
export interface TensorLocation {
  readonly name: string;
  /** Absolute, with symbolic links resolved. */
  readonly file: string;
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** A linear projection: weight `[out, in]`, bias `[out]` or null. */
export interface LinearTensors<T = TensorLocation> {
  readonly weight: T;
  readonly bias: T | null;
}

export interface MhaTensors<T = TensorLocation> {
  readonly norm: T;
  readonly q: LinearTensors<T>;
  readonly k: LinearTensors<T>;
  readonly v: LinearTensors<T>;
  readonly o: LinearTensors<T>;
}

export interface MlpTensors<T = TensorLocation> {
  readonly norm: T;
  readonly gate: LinearTensors<T>;
  readonly up: LinearTensors<T>;
  readonly down: LinearTensors<T>;
}

/** The blocks of a layer; null where the model was made without one. */
export interface LayerTensors<T = TensorLocation> {
  readonly mha: MhaTensors<T> | null;
  readonly mlp: MlpTensors<T> | null;
}

/** Every tensor of a model. `head` is the very same object as `embedding` when they are tied. */
export interface ModelTensors<T = TensorLocation> {
  /** `[vocab, hidden]` */
  readonly embedding: T;
  readonly layers: readonly LayerTensors<T>[];
  readonly finalNorm: T;
  /** `[vocab, hidden]` */
  readonly head: T;
}

export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxTokens: number;
    };

export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling;
}

/** A model that was opened: its sizes, its numerics, and where each tensor lies. No weights are held. */
export interface Checkpoint extends ModelTensors {
  /** What the user named, absolute; of a model's folder in the hub's cache, the snapshot in it. */
  readonly sourcePath: string;
  /** The Hugging Face folder it is read from; for a GGUF, its decoded copy in the cache. */
  readonly folder: string;
  readonly format: 'huggingface' | 'gguf';
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly shape: ModelShape;
  readonly normEpsilon: number;
  readonly rope: Rope;
  /** Tokens each position attends to, itself included; null: all before it. */
  readonly slidingWindowTokens: number | null;
  readonly maxPositionTokens: number;
  readonly tiedHead: boolean;
  /** `sha256:…` of sizes, headers and sampled content; the same bytes in another folder give the same value. */
  readonly fingerprint: string;
}
