import { uniformStream } from './random-weights.ts';
import type { TinyModelSpec } from './tiny-model-spec.ts';

const PLAIN: TinyModelSpec = {
  modelType: 'llama',
  seed: 1,
  layerCount: 4,
  hiddenSize: 64,
  intermediateSize: 160,
  headCount: 4,
  kvHeadCount: 4,
  headSize: 16,
  vocabSize: 320,
  tied: true,
  attentionBias: false,
  mlpBias: false,
  dtype: 'float32',
  shards: 1,
  ropeTheta: 10000,
  configStyle: 'old',
  normEpsilon: 1e-5,
};

/** Random models that together have every feature of a Llama-shaped checkpoint that changes a number. */
export const TINY_MODELS = {
  'llama-mha-tied': PLAIN,
  /** Heads wider than the hidden size divided among them. */
  'llama-gqa-untied': { ...PLAIN, seed: 2, hiddenSize: 96, kvHeadCount: 2, headSize: 32, tied: false },
  'qwen2-biases': {
    ...PLAIN,
    modelType: 'qwen2',
    seed: 3,
    kvHeadCount: 2,
    vocabSize: 448,
    ropeTheta: 1000000,
    slidingWindow: 24,
    normEpsilon: 1e-6,
  },
  'llama-all-biases': { ...PLAIN, seed: 4, kvHeadCount: 1, attentionBias: true, mlpBias: true },
  'llama-bf16-sharded': { ...PLAIN, seed: 5, tied: false, dtype: 'bfloat16', shards: 3 },
  'llama-fp16-v5-config': {
    ...PLAIN,
    seed: 6,
    hiddenSize: 128,
    headSize: 32,
    kvHeadCount: 2,
    dtype: 'float16',
    ropeTheta: 500000,
    configStyle: 'v5',
  },
  /** The 8 frequencies of a head: one is kept, one is between, the others are divided by the factor. */
  'llama3-rope': {
    ...PLAIN,
    seed: 7,
    tied: false,
    ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionTokens: 32 },
  },
  /** The window is shorter than most of the rows. */
  'mistral-window': {
    ...PLAIN,
    modelType: 'mistral',
    seed: 8,
    hiddenSize: 96,
    headCount: 6,
    kvHeadCount: 2,
    tied: false,
    slidingWindow: 24,
  },
} as const satisfies Record<string, TinyModelSpec>;

export type TinyModelName = keyof typeof TINY_MODELS;

/** Lengths of the rows that the reference numbers are of, in tokens. */
const REFERENCE_ROW_TOKENS = [80, 80, 33, 17, 130];

/** Rows of random token ids below `vocabSize`, the same for the same arguments. */
export function tinyRows(vocabSize: number, seed: number, lengths: readonly number[]): Int32Array[] {
  return lengths.map((length, row) => {
    const uniform = uniformStream(`${seed}/row.${row}`);
    return Int32Array.from({ length }, () => Math.floor(uniform() * vocabSize));
  });
}

/** The rows of one tiny model that `tinyModelReference` has numbers for. */
export function tinyReferenceRows(name: TinyModelName): Int32Array[] {
  const { vocabSize, seed } = TINY_MODELS[name];
  return tinyRows(vocabSize, seed, REFERENCE_ROW_TOKENS);
}
