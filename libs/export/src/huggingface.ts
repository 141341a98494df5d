import {
  layOutTensors,
  LLAMA_NAMES,
  readCompanionFiles,
  tensorOf,
  type Checkpoint,
  type Dtype,
} from '@blockpruner/checkpoint';
import { compatFolder } from './compat-folder.ts';
import { configText, readConfigFields } from './config-text.ts';
import { plainFolder, prunedFolder, type FolderContent } from './folder-content.ts';
import { smallFile, type ExportPlan } from './planned-file.ts';
import { isPlain, weightFactor, type PrunedModel } from './pruned-model.ts';
import { safetensorsFiles } from './safetensors-files.ts';
import { sourceTensor, zeroTensor, type FloatTensor } from './source-rows.ts';
import { tokenizerNotes } from './tokenizer-note.ts';

/** How a Hugging Face folder is written. */
export interface HuggingFaceOptions {
  /** What the weights are written in; `source` leaves each tensor what it is. */
  readonly dtype: 'source' | Dtype;
  /** Keeps all layers, so that whatever runs the source runs the export: removed blocks write zeros. */
  readonly compat: boolean;
  /** The text of README.md. */
  readonly card: string;
}

/**
 * Plans a Hugging Face folder: of the model's own family where every layer that is left has both blocks, of type
 * nemotron-nas with the code that transformers runs it with where one does not.
 * @throws ExportError when that type cannot express the model
 * @throws CheckpointError when a file of the source cannot be read any more
 */
export async function planHuggingFace(model: PrunedModel, options: HuggingFaceOptions): Promise<ExportPlan> {
  const { dtype, compat, card } = options;
  const fields = await readConfigFields(model.source);
  const planFolder = compat ? compatFolder : isPlain(model) ? plainFolder : prunedFolder;
  const { config, code, layout, tensors, factors, notes } = await planFolder(model, fields);

  // Tensors that are made of nothing are what most others are.
  const usual = dtype === 'source' ? model.source.embedding.dtype : dtype;
  const planned: FloatTensor[] = [];
  layOutTensors(layout, LLAMA_NAMES, (name, shape, role) => {
    const source = tensorOf(tensors, role);
    const factor = weightFactor(factors, role);
    const written = dtype === 'source' ? (source?.dtype ?? usual) : dtype;
    planned.push(
      source === null || factor === 0
        ? zeroTensor(name, shape, written)
        : sourceTensor(name, source, written, { factor, shape }),
    );
  });
  const companions = await readCompanionFiles(companionFolder(model.source));
  return {
    files: [
      smallFile('config.json', configText(withDtype(config, usual))),
      ...code,
      ...[...companions].map(([name, bytes]) => smallFile(name, bytes)),
      smallFile('README.md', card),
      ...safetensorsFiles(planned),
    ],
    notes: [...notes, ...(await tokenizerNotes(model.source))],
  };
}

/** Decoded copies of folders lack what has nothing to do with reading the model; a GGUF has nothing but its copy. */
function companionFolder({ format, folder, sourcePath }: Checkpoint): string {
  return format === 'gguf' ? folder : sourcePath;
}

/** Readers know the field by its older name or its newer one: under the one that is there. */
function withDtype(config: FolderContent['config'], dtype: Dtype): FolderContent['config'] {
  const names = ['dtype', 'torch_dtype'].filter((name) => name in config);
  const set = names.length > 0 ? names : ['torch_dtype'];
  return { ...config, ...Object.fromEntries(set.map((name) => [name, dtype])) };
}
