import type { TinyModelSpec } from './tiny-model-spec.ts';

const ARCHITECTURES = { llama: 'LlamaForCausalLM', mistral: 'MistralForCausalLM', qwen2: 'Qwen2ForCausalLM' };
const MAX_POSITION_TOKENS = 512;

/** The `config.json` of a tiny model, with the keys that the model type's published configs have. */
export function tinyConfig(spec: TinyModelSpec): Record<string, unknown> {
  return {
    architectures: [ARCHITECTURES[spec.modelType]],
    model_type: spec.modelType,
    hidden_act: 'silu',
    hidden_size: spec.hiddenSize,
    intermediate_size: spec.intermediateSize,
    num_hidden_layers: spec.layerCount,
    num_attention_heads: spec.headCount,
    num_key_value_heads: spec.kvHeadCount,
    ...(spec.headSize * spec.headCount === spec.hiddenSize ? {} : { head_dim: spec.headSize }),
    vocab_size: spec.vocabSize,
    max_position_embeddings: MAX_POSITION_TOKENS,
    rms_norm_eps: spec.normEpsilon,
    tie_word_embeddings: spec.tied,
    bos_token_id: 1,
    eos_token_id: 2,
    ...familyFields(spec),
    ...(spec.configStyle === 'v5' ? v5Fields(spec) : oldFields(spec)),
  };
}

function familyFields(spec: TinyModelSpec): Record<string, unknown> {
  switch (spec.modelType) {
    case 'llama':
      return { attention_bias: spec.attentionBias, mlp_bias: spec.mlpBias };
    case 'mistral':
      return { sliding_window: spec.slidingWindow ?? null };
    case 'qwen2':
      return { use_sliding_window: false, sliding_window: spec.slidingWindow ?? null, max_window_layers: 0 };
  }
}

function oldFields(spec: TinyModelSpec): Record<string, unknown> {
  const scaling = scalingFields(spec);
  return {
    torch_dtype: spec.dtype,
    rope_theta: spec.ropeTheta,
    rope_scaling: scaling && { rope_type: 'llama3', ...scaling },
  };
}

function v5Fields(spec: TinyModelSpec): Record<string, unknown> {
  const scaling = scalingFields(spec);
  const ropeType = scaling ? 'llama3' : 'default';
  return {
    dtype: spec.dtype,
    rope_parameters: { rope_theta: spec.ropeTheta, rope_type: ropeType, ...scaling },
  };
}

function scalingFields({ ropeScaling }: TinyModelSpec): Record<string, number> | null {
  if (!ropeScaling) return null;
  return {
    factor: ropeScaling.factor,
    low_freq_factor: ropeScaling.lowFreqFactor,
    high_freq_factor: ropeScaling.highFreqFactor,
    original_max_position_embeddings: ropeScaling.originalMaxPositionTokens,
  };
}
