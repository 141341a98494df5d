import type { Mask } from '@blockpruner/blocks';
import { findBeyondFloat16, openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import {
  ExportError,
  planGguf,
  planHuggingFace,
  planOnnx,
  planOnnxInt4,
  prunedModel,
  type ExportPlan,
  type PrunedModel,
  type WriteOptions,
} from '@blockpruner/export';
import type { ExportFormat } from './export-request.ts';

/** A form that a model is written in. */
type ModelFormat = Exclude<ExportFormat, { to: 'mask' }>;

const WEIGHTS = /\.safetensors(\.index\.json)?$/;

/**
 * Plans an export in the form that was asked for.
 * @param card text of the model card
 * @throws ExportError for what the form cannot express
 */
export async function planFormat(model: PrunedModel, format: ModelFormat, card: string): Promise<ExportPlan> {
  switch (format.to) {
    case 'hf':
      return planHuggingFace(model, { dtype: format.dtype, compat: format.compat, card });
    case 'gguf':
      return planGguf(model, { type: format.type, card });
    case 'onnx': {
      if (format.dtype === 'int4') {
        const folder = await planHuggingFace(model, { dtype: 'source', compat: false, card });
        const { files, notes } = await planOnnxInt4(model);
        // Tokenizer and config are the folder's; of its weights the graph has its own form.
        return { files: [...folder.files.filter(({ name }) => !WEIGHTS.test(name)), ...files], notes };
      }
      // What the graph cannot express is refused here too, before its weights are written.
      await planOnnx(model.checkpoint, { dtype: format.dtype });
      return planHuggingFace(model, { dtype: format.dtype, compat: false, card });
    }
  }
}

/** The graph of an ONNX export points into the weights that were written, save one in 4 bits, which has its own. */
export function planFollowing(format: ModelFormat, cacheFolder: string): Pick<WriteOptions, 'following'> {
  if (format.to !== 'onnx' || format.dtype === 'int4') return {};
  const { dtype } = format;
  return { following: async (folder) => planOnnx(await openCheckpoint(folder, { cacheFolder }), { dtype }) };
}

/**
 * Refuses what a form cannot express, weights beyond its numbers among it, before minutes are spent on healing.
 * @param isHealed whether weights will have factors; which ones makes no difference
 * @throws ExportError
 */
export async function requireExpressible(
  source: Checkpoint,
  mask: Mask,
  format: ModelFormat,
  isHealed: boolean,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const anyHealing = new Map(isHealed ? mask.map((block) => [block, 2]) : []);
  const model = prunedModel(source, mask, anyHealing);
  await planFormat(model, format, '');
  const isFloat16 = format.to === 'gguf' ? format.type === 'f16' : format.dtype === 'float16';
  if (!isFloat16) return;
  const isCompat = format.to === 'hf' && format.compat;
  const found = await findBeyondFloat16(isCompat ? source : model.checkpoint, onProgress);
  if (found === null) return;
  const others = format.to === 'gguf' ? 'fp32' : 'bf16 or fp32';
  throw new ExportError(
    `${source.sourcePath}: element ${found.element} of ${found.tensor} is ${found.value}, and fp16 ends at 65504: give --dtype ${others}`,
  );
}
