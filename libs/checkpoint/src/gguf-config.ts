import { CheckpointError } from './checkpoint-error.ts';
import { integerField, numberField, stringField, type Fields } from './field.ts';
import type { GgufFile } from './gguf-header.ts';
import { LIMITS } from './limits.ts';

const NO_LIMIT = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };

function ropeScaling(metadata: Fields): Record<string, unknown> | null {
  const kind = stringField(metadata, 'llama.rope.scaling.type', 'none');
  if (kind === 'none') {
    const factor = numberField(metadata, 'llama.rope.scale_linear', LIMITS.ropeFactor, 1);
    return factor === 1 ? null : { rope_type: 'linear', factor };
  }
  if (kind === 'linear') {
    return {
      rope_type: 'linear',
      factor: numberField(metadata, 'llama.rope.scaling.factor', LIMITS.ropeFactor),
    };
  }
  throw new CheckpointError(
    'unsupported',
    `${metadata.file}: llama.rope.scaling.type "${kind.slice(0, 40)}" is not supported: only none and linear are`,
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
 * @throws CheckpointError on another architecture than llama, and on metadata that is missing or out of bounds
 */
export function ggufConfig(gguf: GgufFile): Record<string, unknown> {
  const metadata: Fields = { file: gguf.file, values: gguf.metadata };
  const architecture = stringField(metadata, 'general.architecture');
  if (architecture !== 'llama') {
    throw new CheckpointError(
      'unsupported',
      `${gguf.file}: general.architecture ${JSON.stringify(architecture.slice(0, 40))} is not supported in a GGUF: only llama is`,
    );
  }
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined)
    throw new CheckpointError('missing-tensor', `${gguf.file}: tensor token_embd.weight is missing`);
  const vocabSize = embedding.shape[0];

  const hiddenSize = integerField(metadata, 'llama.embedding_length', LIMITS.hiddenSize);
  const headCount = integerField(metadata, 'llama.attention.head_count', LIMITS.heads);
  const headSize = integerField(
    metadata,
    'llama.attention.key_length',
    LIMITS.headSize,
    hiddenSize / headCount,
  );
  requireValue(metadata, 'llama.attention.value_length', headSize);
  requireValue(metadata, 'llama.rope.dimension_count', headSize);
  requireValue(metadata, 'llama.expert_count', 0);

  const ids = specialTokenIds(metadata, vocabSize);
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: ids.bos,
    eos_token_id: ids.eos,
    pad_token_id: ids.pad,
    head_dim: headSize,
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: integerField(metadata, 'llama.feed_forward_length', LIMITS.intermediateSize),
    max_position_embeddings: integerField(metadata, 'llama.context_length', LIMITS.positions),
    num_attention_heads: headCount,
    num_hidden_layers: integerField(metadata, 'llama.block_count', LIMITS.layers),
    num_key_value_heads: integerField(metadata, 'llama.attention.head_count_kv', LIMITS.heads, headCount),
    rms_norm_eps: numberField(metadata, 'llama.attention.layer_norm_rms_epsilon', LIMITS.normEpsilon),
    rope_theta: numberField(metadata, 'llama.rope.freq_base', LIMITS.ropeTheta, 10000),
    rope_scaling: ropeScaling(metadata),
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    torch_dtype: 'float32',
    vocab_size: vocabSize,
  };
}
