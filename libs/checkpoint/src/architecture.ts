import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, stringListField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';

/** Tensor names without `.weight` or `.bias`; `{layer}` stands for the layer's number. */
export interface TensorNames {
  readonly embedding: string;
  readonly mhaNorm: string;
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly o: string;
  readonly mlpNorm: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
  readonly finalNorm: string;
  readonly head: string;
}

/** Which projections have a bias. */
export interface Biases {
  readonly qkv: boolean;
  readonly o: boolean;
  readonly mlp: boolean;
}

/** What differs between families of models; a family is added as one entry of the table below. */
export interface Architecture {
  /** What `architectures` of config.json names: the class of transformers, or of code in the folder. */
  readonly className: string;
  readonly names: TensorNames;
  /** `tie_word_embeddings` where config.json does not say. */
  readonly tiedByDefault: boolean;
  /** `num_key_value_heads` where config.json does not say, as in transformers. */
  readonly kvHeadsByDefault: (headCount: number) => number;
  readonly biases: (config: Fields) => Biases;
  /** Whether `block_configs` says of each block whether it is there. */
  readonly hasBlockConfigs: boolean;
  /** Tokens of the attention window, null for none. Throws where it would apply to some layers only. */
  readonly slidingWindowTokens: (config: Fields, layerCount: number) => number | null;
}

/** Every family that is supported has the same names in Hugging Face folders. */
export const LLAMA_NAMES: TensorNames = {
  embedding: 'model.embed_tokens',
  mhaNorm: 'model.layers.{layer}.input_layernorm',
  q: 'model.layers.{layer}.self_attn.q_proj',
  k: 'model.layers.{layer}.self_attn.k_proj',
  v: 'model.layers.{layer}.self_attn.v_proj',
  o: 'model.layers.{layer}.self_attn.o_proj',
  mlpNorm: 'model.layers.{layer}.post_attention_layernorm',
  gate: 'model.layers.{layer}.mlp.gate_proj',
  up: 'model.layers.{layer}.mlp.up_proj',
  down: 'model.layers.{layer}.mlp.down_proj',
  finalNorm: 'model.norm',
  head: 'lm_head',
};

/** `sliding_window` where config.json does not say, as in transformers; null says that there is none. */
const DEFAULT_WINDOW_TOKENS = 4096;

function windowTokensOf(config: Fields): number | null {
  const fallback = 'sliding_window' in config.values ? null : DEFAULT_WINDOW_TOKENS;
  return integerField(config, 'sliding_window', LIMITS.positions, fallback);
}

/** Layers from `max_window_layers` on have the window, unless `layer_types` names them one by one. */
function qwen2Window(config: Fields, layerCount: number): number | null {
  if (!booleanField(config, 'use_sliding_window', false)) return null;
  const windowTokens = windowTokensOf(config);
  if (windowTokens === null) return null;
  const types = stringListField(config, 'layer_types');
  const firstLayer = integerField(config, 'max_window_layers', { min: 0, max: LIMITS.layers.max }, 28);
  const windowed = types
    ? types.filter((type) => type === 'sliding_attention').length
    : Math.max(0, layerCount - firstLayer);
  if (windowed === 0) return null;
  if (windowed === layerCount) return windowTokens;
  throw new CheckpointError(
    'unsupported',
    `${config.file}: use_sliding_window applies to ${windowed} of ${layerCount} layers ` +
      `(max_window_layers ${firstLayer}): only all layers or none are supported`,
  );
}

const LLAMA: Architecture = {
  className: 'LlamaForCausalLM',
  names: LLAMA_NAMES,
  tiedByDefault: false,
  kvHeadsByDefault: (headCount) => headCount,
  biases: (config) => {
    const attention = booleanField(config, 'attention_bias', false);
    return { qkv: attention, o: attention, mlp: booleanField(config, 'mlp_bias', false) };
  },
  hasBlockConfigs: false,
  slidingWindowTokens: () => null,
};

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: LLAMA,
  /** Llama without some of its blocks: what vLLM, SGLang, TensorRT-LLM and MLX read pruned models as. */
  'nemotron-nas': { ...LLAMA, className: 'DeciLMForCausalLM', hasBlockConfigs: true },
  mistral: {
    className: 'MistralForCausalLM',
    names: LLAMA_NAMES,
    tiedByDefault: false,
    kvHeadsByDefault: () => 8,
    biases: () => ({ qkv: false, o: false, mlp: false }),
    hasBlockConfigs: false,
    slidingWindowTokens: windowTokensOf,
  },
  qwen2: {
    className: 'Qwen2ForCausalLM',
    names: LLAMA_NAMES,
    tiedByDefault: false,
    kvHeadsByDefault: () => 32,
    biases: () => ({ qkv: true, o: false, mlp: false }),
    hasBlockConfigs: false,
    slidingWindowTokens: qwen2Window,
  },
};

/** @throws CheckpointError listing the supported values when `model_type` is not one of them */
export function findArchitecture(modelType: string, file: string): Architecture {
  if (Object.hasOwn(ARCHITECTURES, modelType)) return ARCHITECTURES[modelType];
  const supported = Object.keys(ARCHITECTURES).join(', ');
  throw new CheckpointError(
    'unsupported',
    `${file}: model_type ${JSON.stringify(modelType.slice(0, 60))} is not supported: supported are ${supported}`,
  );
}
