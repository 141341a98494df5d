import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, numberField, stringField, type Fields } from './field.ts';
import { llama3Scaling, metadataScaling } from './gguf-rope.ts';
import type { GgufModel } from './gguf-split.ts';
import { LIMITS } from './limits.ts';

const NO_LIMIT = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };

/** What differs between the architectures of GGUF; one is added as one entry of the table below. */
interface GgufArchitecture {
  readonly className: string;
  /** Whether the two rotary halves of each head of q and k are interleaved. */
  readonly interleavedRotary: boolean;
  /** Whether llama.cpp reads divisors of the rotary frequencies. */
  readonly ropeDivisors: boolean;
  /** The fields of config.json that only this family has, by which tensors there are. */
  readonly ownFields: (has: (tensor: string) => boolean) => Record<string, unknown>;
}

/** By `general.architecture`, which is `model_type` too. */
const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: {
    className: 'LlamaForCausalLM',
    interleavedRotary: true,
    ropeDivisors: true,
    ownFields: (has) => ({
      attention_bias: has('blk.0.attn_q.bias'),
      mlp_bias: has('blk.0.ffn_gate.bias'),
    }),
  },
  qwen2: {
    className: 'Qwen2ForCausalLM',
    interleavedRotary: false,
    ropeDivisors: false,
    ownFields: () => ({ use_sliding_window: false }),
  },
};

/** @throws CheckpointError listing the supported architectures when it is not one of them */
export function ggufArchitecture(metadata: Fields): GgufArchitecture & { readonly name: string } {
  const kind = stringField(metadata, 'general.type', 'model');
  if (kind !== 'model') {
    throw new CheckpointError(
      'unsupported',
      `${metadata.file}: general.type is ${JSON.stringify(kind.slice(0, 40))}: only a whole "model" can be opened`,
    );
  }
  const name = stringField(metadata, 'general.architecture');
  if (Object.hasOwn(ARCHITECTURES, name)) return { ...ARCHITECTURES[name], name };
  throw new CheckpointError(
    'unsupported',
    `${metadata.file}: general.architecture ${JSON.stringify(name.slice(0, 40))} is not supported in a GGUF: ` +
      `supported are ${Object.keys(ARCHITECTURES).join(', ')}`,
  );
}

/** A field that is optional, but supported with one value only. */
function requireValue(metadata: Fields, key: string, supported: number): void {
  const value = numberField(metadata, key, NO_LIMIT, supported);
  if (value !== supported) {
    throw new CheckpointError(
      'unsupported',
      `${metadata.file}: ${key} is ${value}: only ${supported} is supported here`,
    );
  }
}

/** The token ids of the metadata, under the names of config.json. */
export function specialTokenIds(
  metadata: Fields,
  vocabSize: number,
): Record<'bos' | 'eos' | 'pad' | 'unk', number | null> {
  const id = (key: string) =>
    integerField(metadata, `tokenizer.ggml.${key}_token_id`, { min: 0, max: vocabSize - 1 }, null);
  return { bos: id('bos'), eos: id('eos'), pad: id('padding'), unk: id('unknown') };
}

/**
 * The config.json that a GGUF's metadata amounts to.
 * @param divisors the values of `rope_freqs.weight`, or null
 * @throws CheckpointError on an architecture that is not supported, and on metadata that is missing or out of bounds
 */
export function ggufConfig(gguf: GgufModel, divisors: Float32Array | null): Record<string, unknown> {
  const metadata: Fields = { file: gguf.first.file, values: gguf.first.metadata };
  const { className, name, ownFields } = ggufArchitecture(metadata);
  const key = (suffix: string) => `${name}.${suffix}`;
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined)
    throw new CheckpointError('missing-tensor', `${gguf.file}: tensor token_embd.weight is missing`);
  const vocabSize = embedding.shape[0];

  const hiddenSize = integerField(metadata, key('embedding_length'), LIMITS.hiddenSize);
  const headCount = integerField(metadata, key('attention.head_count'), LIMITS.heads);
  const headSize = integerField(
    metadata,
    key('attention.key_length'),
    LIMITS.headSize,
    hiddenSize / headCount,
  );
  requireValue(metadata, key('attention.value_length'), headSize);
  requireValue(metadata, key('attention.scale'), 0);
  requireValue(metadata, key('rope.dimension_count'), headSize);
  requireValue(metadata, key('rope.scaling.attn_factor'), 1);
  requireValue(metadata, key('expert_count'), 0);
  if (!booleanField(metadata, key('attention.causal'), true)) {
    throw new CheckpointError(
      'unsupported',
      `${metadata.file}: ${key('attention.causal')} is false: an encoder predicts no next token`,
    );
  }

  const theta = numberField(metadata, key('rope.freq_base'), LIMITS.ropeTheta, 10000);
  const linear = metadataScaling(metadata, name);
  const llama3 = divisors && llama3Scaling(gguf.file, divisors, { theta, headSize });
  if (linear && llama3) {
    throw new CheckpointError(
      'unsupported',
      `${gguf.file}: scales its rope by ${linear.factor} in the metadata and by rope_freqs.weight too: only one is supported`,
    );
  }

  const ids = specialTokenIds(metadata, vocabSize);
  return {
    architectures: [className],
    model_type: name,
    ...ownFields((tensor) => gguf.tensors.has(tensor)),
    bos_token_id: ids.bos,
    eos_token_id: ids.eos,
    pad_token_id: ids.pad,
    head_dim: headSize,
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: integerField(metadata, key('feed_forward_length'), LIMITS.intermediateSize),
    max_position_embeddings: integerField(metadata, key('context_length'), LIMITS.positions),
    num_attention_heads: headCount,
    num_hidden_layers: integerField(metadata, key('block_count'), LIMITS.layers),
    num_key_value_heads: integerField(metadata, key('attention.head_count_kv'), LIMITS.heads, headCount),
    rms_norm_eps: numberField(metadata, key('attention.layer_norm_rms_epsilon'), LIMITS.normEpsilon),
    rope_theta: theta,
    rope_scaling: llama3 || linear,
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    torch_dtype: 'float32',
    vocab_size: vocabSize,
  };
}
