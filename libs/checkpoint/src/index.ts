/**
 * Readers of model files: Hugging Face folders of safetensors, and GGUF files by way of a decoded copy in a cache.
 * Holds the table of supported architectures, the limits on what a file may claim, and the dtype conversions.
 */
export { findArchitecture, LLAMA_NAMES } from './architecture.ts';
export type { TensorNames } from './architecture.ts';
export { expressibleWidth, ffnMultOf } from './block-configs.ts';
export { readBoundaryTokens } from './boundary-tokens.ts';
export type { BoundaryTokens } from './boundary-tokens.ts';
export { CheckpointError, oneLine } from './checkpoint-error.ts';
export type { CheckpointErrorCode } from './checkpoint-error.ts';
export { readCompanionFiles } from './companion-files.ts';
export type {
  Checkpoint,
  LayerTensors,
  LinearTensors,
  MhaTensors,
  MlpTensors,
  ModelTensors,
  Rope,
  RopeScaling,
  TensorLocation,
} from './checkpoint.ts';
export { MAX_CONFIG_BYTES, readConfigFile } from './config-file.ts';
export { decodeFloats, dtypeBytes, encodeFloats } from './dtype.ts';
export type { Dtype } from './dtype.ts';
export { EmbeddingReader } from './embedding-reader.ts';
export { integerField, objectField, stringField } from './field.ts';
export { readRange, readWholeFile } from './file-bytes.ts';
export { ggufTypeNumber } from './gguf-blocks.ts';
export type { GgufFile, GgufTensor } from './gguf-header.ts';
export { GGUF_NAMES } from './gguf-plan.ts';
export { LLAMA3_FREQ_FACTORS, llama3Divisors } from './gguf-rope.ts';
export { readGgufModel } from './gguf-split.ts';
export type { GgufModel } from './gguf-split.ts';
export type { GgufValue } from './gguf-value.ts';
export { LIMITS } from './limits.ts';
export { locateModel } from './locate-model.ts';
export { listModelFiles } from './model-files.ts';
export type { ModelFiles } from './model-files.ts';
export { findBeyondFloat16, findNonFinite, nonFiniteElement } from './non-finite.ts';
export type { NonFiniteWeight } from './non-finite.ts';
export { openCheckpoint } from './open-checkpoint.ts';
export type { OpenOptions } from './open-checkpoint.ts';
export { repackCheckpoint } from './repacked-checkpoint.ts';
export { encodeSafetensorsHeader, writeSafetensors } from './safetensors-writer.ts';
export type { TensorBytes, TensorDescription } from './safetensors-writer.ts';
export { readGgufTokenizerKeys, readTokenizerFiles } from './tokenizer-files.ts';
export type { TokenizerFiles } from './tokenizer-files.ts';
export { blockTensors, elementCount, layOutTensors, layoutOf, tensorOf } from './tensor-layout.ts';
export type { TensorLayout, TensorRole } from './tensor-layout.ts';
export { widenToFloat32 } from './widen.ts';
