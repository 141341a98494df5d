import type { ModelShape } from '@blockpruner/blocks';
import { findArchitecture, type Architecture, type Biases, type TensorNames } from './architecture.ts';
import { readBlockConfigs } from './block-configs.ts';
import { CheckpointError } from './checkpoint-error.ts';
import type { Rope } from './checkpoint.ts';
import { booleanField, integerField, numberField, stringField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';
import { readRope } from './rope.ts';

/** The sizes that config.json names; parameter counts follow from them. */
type ModelSizes = Omit<ModelShape, 'mhaParameters' | 'mlpParameters' | 'totalParameters'>;

/** config.json, read and checked. */
export interface ModelConfig {
  readonly modelType: string;
  readonly names: TensorNames;
  readonly biases: Biases;
  readonly sizes: ModelSizes;
  readonly normEpsilon: number;
  readonly rope: Rope;
  readonly slidingWindowTokens: number | null;
  readonly maxPositionTokens: number;
  readonly tiedHead: boolean;
}

function readSizes(config: Fields, architecture: Architecture): ModelSizes {
  const hiddenSize = integerField(config, 'hidden_size', LIMITS.hiddenSize);
  const headCount = integerField(config, 'num_attention_heads', LIMITS.heads);
  const layerCount = integerField(config, 'num_hidden_layers', LIMITS.layers);
  const blocks = architecture.hasBlockConfigs ? readBlockConfigs(config, layerCount, hiddenSize) : null;
  const kvHeadsUnsaid = blocks?.headsPerGroup
    ? headCount / blocks.headsPerGroup
    : architecture.kvHeadsByDefault(headCount);
  const kvHeadCount = integerField(config, 'num_key_value_heads', LIMITS.heads, kvHeadsUnsaid);
  const headSize = integerField(config, 'head_dim', LIMITS.headSize, hiddenSize / headCount);
  if (!Number.isInteger(headSize)) {
    throw new CheckpointError(
      'malformed',
      `${config.file}: hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${headCount}, and head_dim is missing`,
    );
  }
  if (headSize % 2 !== 0) {
    throw new CheckpointError(
      'unsupported',
      `${config.file}: head size ${headSize} is odd: rotary embedding needs pairs`,
    );
  }
  if (!Number.isInteger(headCount / kvHeadCount)) {
    throw new CheckpointError(
      'malformed',
      `${config.file}: num_attention_heads ${headCount} is not a multiple of num_key_value_heads ${kvHeadCount}`,
    );
  }
  return {
    layerCount,
    ...(blocks && blocks.absentBlocks.length > 0 && { absentBlocks: blocks.absentBlocks }),
    hiddenSize,
    intermediateSize: integerField(
      config,
      'intermediate_size',
      LIMITS.intermediateSize,
      blocks ? (blocks.intermediateSize ?? hiddenSize) : undefined,
    ),
    headCount,
    kvHeadCount,
    headSize,
    vocabSize: integerField(config, 'vocab_size', LIMITS.vocabSize),
  };
}

/** @throws CheckpointError naming the field that is missing, out of bounds or not supported */
export function readModelConfig(config: Fields): ModelConfig {
  const modelType = stringField(config, 'model_type');
  const architecture = findArchitecture(modelType, config.file);
  const activation = stringField(config, 'hidden_act', 'silu');
  if (activation !== 'silu') {
    throw new CheckpointError(
      'unsupported',
      `${config.file}: hidden_act "${activation}" is not supported: only silu is`,
    );
  }
  const sizes = readSizes(config, architecture);
  return {
    modelType,
    names: architecture.names,
    biases: architecture.biases(config),
    sizes,
    normEpsilon: numberField(config, 'rms_norm_eps', LIMITS.normEpsilon, 1e-6),
    rope: readRope(config),
    slidingWindowTokens: architecture.slidingWindowTokens(config, sizes.layerCount),
    maxPositionTokens: integerField(config, 'max_position_embeddings', LIMITS.positions),
    tiedHead: booleanField(config, 'tie_word_embeddings', architecture.tiedByDefault),
  };
}
