import { findArchitecture } from './architecture.ts';
import { blockIndex, type BlockKind } from '@blockpruner/blocks';
import { ffnMultOf } from './block-configs.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { booleanField, integerField, numberField, stringField, type Fields } from './field.ts';
import type { GgufLayers } from './gguf-layers.ts';
import { LLAMA3_ORIGINAL_TOKENS, llama3Scaling, metadataScaling } from './gguf-rope.ts';
import type { GgufModel } from './gguf-split.ts';
import { LIMITS } from './limits.ts';

const NO_LIMIT = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };

/** What differs between the architectures of GGUF; one is added as one entry of the table below. */
interface GgufArchitecture {
  readonly modelType: string;
  /** Whether its keys say the sizes of each layer, so that a layer may lack a block. */
  readonly sizesByLayer: boolean;
  /** Whether the two rotary halves of each head of q and k are interleaved. */
  readonly interleavedRotary: boolean;
  /** Whether llama.cpp reads divisors of the rotary frequencies. */
  readonly ropeDivisors: boolean;
  /** The fields of config.json that only this family has, by which tensors the blocks have. */
  readonly ownFields: (has: (tensor: string) => boolean) => Record<string, unknown>;
}

const LLAMA: GgufArchitecture = {
  modelType: 'llama',
  sizesByLayer: false,
  interleavedRotary: true,
  ropeDivisors: true,
  ownFields: (has) => ({ attention_bias: has('attn_q.bias'), mlp_bias: has('ffn_gate.bias') }),
};

/** By `general.architecture`. */
const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: LLAMA,
  /** Llama without some of its blocks. */
  deci: { ...LLAMA, modelType: 'nemotron-nas', sizesByLayer: true },
  qwen2: {
    modelType: 'qwen2',
    sizesByLayer: false,
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

/** Whether a block that is there has the tensor, named without its layer. */
function hasInSomeBlock(
  { tensors }: GgufModel,
  { layerCount, standIns }: GgufLayers,
  tensor: string,
): boolean {
  return Array.from({ length: layerCount }, (_, layer) => `blk.${layer}.${tensor}`).some(
    (name) => tensors.has(name) && !standIns.has(name),
  );
}

/** Says of each layer which blocks it has, in the form of nemotron-nas. */
function blockConfigs(
  { absentBlocks, headCount, intermediateSize, kvHeadCount, layerCount }: GgufLayers,
  hiddenSize: number,
) {
  const isAbsent = (kind: BlockKind, layer: number) => absentBlocks.includes(blockIndex(kind, layer));
  return Array.from({ length: layerCount }, (_, layer) => ({
    attention: isAbsent('mha', layer)
      ? { no_op: true, n_heads_in_group: null }
      : { no_op: false, n_heads_in_group: headCount / kvHeadCount },
    ffn: isAbsent('mlp', layer)
      ? { no_op: true, ffn_mult: null }
      : { no_op: false, ffn_mult: ffnMultOf(intermediateSize, hiddenSize) },
  }));
}

/**
 * The config.json that a GGUF's metadata amounts to.
 * @param divisors the values of `rope_freqs.weight`, or null
 * @throws CheckpointError on an architecture that is not supported, and on metadata that is missing or out of bounds
 */
export function ggufConfig(
  gguf: GgufModel,
  layers: GgufLayers,
  divisors: Float32Array | null,
): Record<string, unknown> {
  const metadata: Fields = { file: gguf.first.file, values: gguf.first.metadata };
  const { modelType, name, ownFields, sizesByLayer } = ggufArchitecture(metadata);
  const key = (suffix: string) => `${name}.${suffix}`;
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined)
    throw new CheckpointError('missing-tensor', `${gguf.file}: tensor token_embd.weight is missing`);
  const vocabSize = embedding.shape[0];

  const hiddenSize = integerField(metadata, key('embedding_length'), LIMITS.hiddenSize);
  const headSize = integerField(
    metadata,
    key('attention.key_length'),
    LIMITS.headSize,
    layers.defaultHeadSize ?? undefined,
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
  const originalKey = key('rope.scaling.original_context_length');
  const originalTokens = integerField(metadata, originalKey, LIMITS.positions, LLAMA3_ORIGINAL_TOKENS);
  const llama3 = divisors && llama3Scaling(gguf.file, divisors, { theta, headSize }, originalTokens);
  if (linear && llama3) {
    throw new CheckpointError(
      'unsupported',
      `${gguf.file}: scales its rope by ${linear.factor} in the metadata and by rope_freqs.weight too: only one is supported`,
    );
  }

  const ids = specialTokenIds(metadata, vocabSize);
  return {
    architectures: [findArchitecture(modelType, gguf.file).className],
    model_type: modelType,
    ...ownFields((tensor) => hasInSomeBlock(gguf, layers, tensor)),
    ...(sizesByLayer && { block_configs: blockConfigs(layers, hiddenSize) }),
    bos_token_id: ids.bos,
    eos_token_id: ids.eos,
    pad_token_id: ids.pad,
    head_dim: headSize,
    hidden_act: 'silu',
    hidden_size: hiddenSize,
    intermediate_size: layers.intermediateSize,
    max_position_embeddings: integerField(metadata, key('context_length'), LIMITS.positions),
    num_attention_heads: layers.headCount,
    num_hidden_layers: layers.layerCount,
    num_key_value_heads: layers.kvHeadCount,
    rms_norm_eps: numberField(metadata, key('attention.layer_norm_rms_epsilon'), LIMITS.normEpsilon),
    rope_theta: theta,
    rope_scaling: llama3 || linear,
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    torch_dtype: 'float32',
    vocab_size: vocabSize,
  };
}
