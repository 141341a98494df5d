/** What a tiny random model looks like. Sizes are in elements; `headSize` is a multiple of 16. */
export interface TinyModelSpec {
  readonly modelType: 'llama' | 'mistral' | 'qwen2';
  /** Weights follow from the seed and the tensor's name. */
  readonly seed: number;
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  /** Written to the config only where it is not `hiddenSize / headCount`. */
  readonly headSize: number;
  readonly vocabSize: number;
  /** Whether the head is the embedding: no `lm_head.weight` is written then. */
  readonly tied: boolean;
  /** Biases on the q, k, v and o projections (llama only: qwen2 always has them on q, k and v). */
  readonly attentionBias: boolean;
  /** Biases on the gate, up and down projections (llama only). */
  readonly mlpBias: boolean;
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  /** Number of safetensors files; with more than one an index file names them. */
  readonly shards: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: Llama3RopeScaling;
  /** Tokens a query sees, itself included. Qwen2 configs carry it switched off, as the published ones do. */
  readonly slidingWindow?: number;
  /** `old`: `rope_theta`, `rope_scaling` and `torch_dtype`; `v5`: `rope_parameters` and `dtype`. */
  readonly configStyle: 'old' | 'v5';
  readonly normEpsilon: number;
}

/** The `llama3` rope scaling of a config. */
interface Llama3RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalMaxPositionTokens: number;
}
