import { blockIndex, isAbsent } from '@blockpruner/blocks';
import { ffnMultOf, type Checkpoint, type RopeScaling, type TensorLayout } from '@blockpruner/checkpoint';
import { float, type ConfigFields } from './config-text.ts';
import { DECILM_AUTO_MAP } from './decilm-code.ts';

/** Fields that say how text is generated and weights are made anew; the others follow from what was read of the model. */
const KEPT_FIELDS = ['bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'initializer_range'];

/** Fields that every family reads as Llama does, of a model of Llama's blocks. */
function llamaFields(source: ConfigFields, model: Checkpoint, layout: TensorLayout): ConfigFields {
  const { biases, sizes } = layout;
  const kept = KEPT_FIELDS.filter((key) => Object.hasOwn(source, key)).map((key) => [key, source[key]]);
  return {
    // Where it is not said, Llama has ids of its own and Qwen2 none.
    ...(model.modelType === 'qwen2' && { bos_token_id: null, eos_token_id: null }),
    ...(Object.fromEntries(kept) as ConfigFields),
    attention_bias: biases.qkv,
    head_dim: sizes.headSize,
    hidden_act: 'silu',
    hidden_size: sizes.hiddenSize,
    max_position_embeddings: model.maxPositionTokens,
    mlp_bias: biases.mlp,
    num_attention_heads: sizes.headCount,
    num_hidden_layers: sizes.layerCount,
    rms_norm_eps: float(model.normEpsilon),
    // Not the newer `rope_parameters`: some runtimes would take their own default for what they do not find.
    rope_theta: float(model.rope.theta),
    rope_scaling: scalingFields(model.rope.scaling),
    tie_word_embeddings: model.tiedHead,
    use_cache: true,
    vocab_size: sizes.vocabSize,
  };
}

function scalingFields(scaling: RopeScaling): ConfigFields | null {
  switch (scaling.kind) {
    case 'none':
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: float(scaling.factor) };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: float(scaling.factor),
        low_freq_factor: float(scaling.lowFreqFactor),
        high_freq_factor: float(scaling.highFreqFactor),
        original_max_position_embeddings: scaling.originalMaxTokens,
      };
  }
}

/**
 * config.json of a Llama model without some of its blocks, as vLLM, SGLang, TensorRT-LLM and MLX read it.
 * @param source what is kept of the source's own
 * @param layout of the model that is written; its feed-forward width is one that `ffn_mult` can express
 */
export function nemotronConfig(source: ConfigFields, model: Checkpoint, layout: TensorLayout): ConfigFields {
  const { sizes } = layout;
  return {
    architectures: ['DeciLMForCausalLM'],
    model_type: 'nemotron-nas',
    auto_map: DECILM_AUTO_MAP,
    ...llamaFields(source, model, layout),
    intermediate_size: null,
    num_key_value_heads: null,
    block_configs: Array.from({ length: sizes.layerCount }, (_, layer) => {
      const noMha = isAbsent(sizes, blockIndex('mha', layer));
      const noMlp = isAbsent(sizes, blockIndex('mlp', layer));
      return {
        attention: {
          n_heads_in_group: noMha ? null : sizes.headCount / sizes.kvHeadCount,
          no_op: noMha,
          num_sink_tokens: null,
          replace_with_linear: false,
          sparsify: null,
          unshifted_sink: false,
          use_prefill_window_in_sink_attention: false,
          window_length: null,
        },
        ffn: {
          ffn_mult: noMlp ? null : float(ffnMultOf(sizes.intermediateSize, sizes.hiddenSize)!),
          no_op: noMlp,
          replace_with_linear: false,
          sparsify: null,
        },
      };
    }),
  };
}

/** config.json of a model of type nemotron-nas that lacks no block: that is a Llama. */
export function llamaConfig(source: ConfigFields, model: Checkpoint, layout: TensorLayout): ConfigFields {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...llamaFields(source, model, layout),
    intermediate_size: layout.sizes.intermediateSize,
    num_key_value_heads: layout.sizes.kvHeadCount,
  };
}
