/**
 * A pruned model in the forms that others run. An export is planned first, so that what a form cannot express is
 * refused before a byte is written, and then written file by file.
 */
export { layerDropConfig } from './layer-drop-config.ts';
export { smallFile } from './planned-file.ts';
export type { ExportPlan, PlannedFile } from './planned-file.ts';
export { isPlain, prunedModel } from './pruned-model.ts';
export type { Healing, PrunedModel, WeightFactors } from './pruned-model.ts';
