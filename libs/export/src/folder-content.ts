import { expressibleWidth, layoutOf, type ModelTensors, type TensorLayout } from '@blockpruner/checkpoint';
import type { ConfigFields } from './config-text.ts';
import { decilmCode } from './decilm-code.ts';
import { ExportError } from './export-error.ts';
import { familyConfig } from './family-config.ts';
import { llamaConfig, nemotronConfig } from './nemotron-config.ts';
import type { PlannedFile } from './planned-file.ts';
import type { PrunedModel, WeightFactors } from './pruned-model.ts';

/** What goes into a Hugging Face folder, besides what any folder of the model has. */
export interface FolderContent {
  readonly config: ConfigFields;
  readonly code: readonly PlannedFile[];
  /** Of the model that is written. */
  readonly layout: TensorLayout;
  /** Where the tensors come from; one that the layout has and these have not is zero, and so is what they lack in size. */
  readonly tensors: ModelTensors;
  /** By layer of the layout; a block whose factor is 0 writes zeros. */
  readonly factors: WeightFactors;
  readonly notes: readonly string[];
}

/** A model of the source's family with fewer layers. */
export function plainFolder(model: PrunedModel, fields: ConfigFields): FolderContent {
  const { checkpoint, factors, mask, source } = model;
  const layout = layoutOf(checkpoint);
  // A source that lacked blocks itself has none of its layers left that did: it is a Llama.
  const config =
    source.modelType === 'nemotron-nas'
      ? llamaConfig(fields, source, layout)
      : familyConfig(fields, source, mask);
  return { config, code: [], layout, tensors: checkpoint, factors, notes: [] };
}

/**
 * A model that lacks blocks, of type nemotron-nas.
 * @throws ExportError when the source's blocks are not those of a Llama
 */
export async function prunedFolder(model: PrunedModel, fields: ConfigFields): Promise<FolderContent> {
  const { checkpoint, factors, source } = model;
  const { headCount, hiddenSize, intermediateSize } = source.shape;
  if (source.slidingWindowTokens !== null) {
    throw new ExportError(
      `${source.sourcePath}: attends to a window of ${source.slidingWindowTokens} tokens, which the format of models without some blocks does not have: export --to hf --compat, or leave every layer both its blocks`,
    );
  }
  if (hiddenSize % headCount !== 0) {
    throw new ExportError(
      `${source.sourcePath}: hidden size ${hiddenSize} is not a multiple of its ${headCount} heads, as the format of models without some blocks requires: export --to hf --compat, or leave every layer both its blocks`,
    );
  }
  const own = layoutOf(checkpoint);
  const width = expressibleWidth(intermediateSize);
  const layout = {
    ...own,
    // One switch is for all four; a bias of zeros changes nothing.
    biases: { ...own.biases, o: own.biases.qkv },
    sizes: { ...own.sizes, intermediateSize: width },
  };
  return {
    config: nemotronConfig(fields, source, layout),
    code: await decilmCode(),
    layout,
    tensors: checkpoint,
    factors,
    notes: prunedNotes(model, width),
  };
}

function prunedNotes({ source }: PrunedModel, width: number): string[] {
  const { headCount, headSize, hiddenSize, intermediateSize } = source.shape;
  const notes: string[] = [];
  if (width !== intermediateSize) {
    notes.push(
      `feed-forward blocks are padded with zeros from ${intermediateSize} to ${width}: the format has multiples of 256 only`,
    );
  }
  if (headSize !== hiddenSize / headCount) {
    notes.push(
      `heads have ${headSize} elements, not hidden size over heads (${hiddenSize / headCount}): MLX cannot run this folder`,
    );
  }
  return notes;
}
