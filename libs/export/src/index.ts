/**
 * A pruned model in the forms that others run. An export is planned first, so that what a form cannot express is
 * refused before a byte is written, and then written file by file.
 */
export { ExportError } from './export-error.ts';
export { planGguf } from './gguf.ts';
export type { GgufOptions } from './gguf.ts';
export type { GgufWeightType } from './gguf-tensors.ts';
export { planHuggingFace } from './huggingface.ts';
export type { HuggingFaceOptions } from './huggingface.ts';
export { requireFreeOutput } from './incomplete-folder.ts';
export { layerDropConfig } from './layer-drop-config.ts';
export { modelCard } from './model-card.ts';
export { prunedModelName } from './model-name.ts';
export { planOnnx } from './onnx.ts';
export { planOnnxInt4 } from './onnx-int4.ts';
export { smallFile } from './planned-file.ts';
export type { ExportPlan, PlannedFile } from './planned-file.ts';
export type { Provenance, ScoredRows } from './provenance.ts';
export { firstAttentionNote, isPlain, prunedModel } from './pruned-model.ts';
export type { PrunedModel, WeightFactors } from './pruned-model.ts';
export { exportIdentity, writeExport } from './write-export.ts';
export type { ExportProgress, WriteOptions, WriteReport } from './write-export.ts';
