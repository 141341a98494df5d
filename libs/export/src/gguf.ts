import { readGgufModel, readGgufTokenizerKeys } from '@blockpruner/checkpoint';
import { ExportError } from './export-error.ts';
import { encodeEntry, encodeGgufHeader, GGUF_ALIGNMENT_BYTES, type GgufOutput } from './gguf-encoding.ts';
import { ggufFileType } from './gguf-file-type.ts';
import { ggufForm, type GgufForm } from './gguf-form.ts';
import { copiedEntries, generalEntries, modelEntries } from './gguf-keys.ts';
import { ggufTensors, type GgufWeightType } from './gguf-tensors.ts';
import { prunedModelName } from './model-name.ts';
import { smallFile, type ExportPlan } from './planned-file.ts';
import { tensorFile } from './planned-tensor.ts';
import type { PrunedModel } from './pruned-model.ts';

/** Of the forms of the quantized types. */
const QUANTIZATION_VERSION = 'general.quantization_version';

export interface GgufOptions {
  /** What the matrices are written in; `source` copies those of a GGUF as they are. */
  readonly type: GgufWeightType;
  /** The text of README.md. */
  readonly card: string;
}

/** What a file says besides its sizes, as encoded entries. */
interface Description {
  readonly entries: readonly Uint8Array[];
  readonly notes: readonly string[];
}

/**
 * Plans a GGUF file: of the model's own architecture where every layer that is left has both blocks, of deci where one
 * does not.
 * @throws ExportError when no such file can express the model, its healing or its tokenizer
 * @throws CheckpointError when a file of the source cannot be read any more
 */
export async function planGguf(model: PrunedModel, { card, type }: GgufOptions): Promise<ExportPlan> {
  const { source } = model;
  const gguf = source.format === 'gguf' ? await readGgufModel(source.sourcePath) : null;
  const form = ggufForm(model);
  const tensors = ggufTensors(model, form, type, gguf);
  const fileType = ggufFileType(tensors, type === 'source' ? gguf : null);
  const name = prunedModelName(model);
  const { entries, notes } = gguf
    ? { entries: await copiedEntries(gguf.first), notes: [] }
    : await describe(model);
  // Said already where the source is quantized.
  const isNewlyQuantized = type === 'q8_0' && gguf?.first.metadata[QUANTIZATION_VERSION] === undefined;
  const header = encodeGgufHeader(
    [
      ...generalEntries(form, name, fileType.number),
      ...(isNewlyQuantized ? [encodeEntry(QUANTIZATION_VERSION, { type: 'uint32', value: 2 })] : []),
      ...modelEntries(model.checkpoint, form),
      ...entries,
    ],
    tensors,
  );
  return {
    files: [
      tensorFile(`${name}.${fileType.name}.gguf`, header, tensors, GGUF_ALIGNMENT_BYTES),
      smallFile('README.md', card),
    ],
    notes: [...formNotes(form), ...typeNotes(model, type, tensors), ...notes],
  };
}

/** Of a model that comes from a Hugging Face folder. */
async function describe({ source }: PrunedModel): Promise<Description> {
  const own = [encodeEntry('general.type', { type: 'string', value: 'model' })];
  const tokenizer = await readGgufTokenizerKeys(source.sourcePath);
  if (tokenizer === null) {
    return {
      entries: [...own, encodeEntry('tokenizer.ggml.model', { type: 'string', value: 'none' })],
      notes: ['the model has no tokenizer.json: the file takes and gives token ids, not text'],
    };
  }
  if (tokenizer.keys === null) {
    throw new ExportError(
      `${source.sourcePath}: its tokenizer cannot be expressed in a GGUF, ${tokenizer.reason}: export --to hf`,
    );
  }
  return {
    entries: [...own, ...[...tokenizer.keys].map(([key, value]) => encodeEntry(key, value))],
    notes: tokenizer.notes,
  };
}

function formNotes({ architecture, deci }: GgufForm): string[] {
  if (architecture !== 'deci') return [];
  const zeros = deci!.zeroMha.length + deci!.zeroMlp.length;
  return [
    'the file has architecture deci, whose layers may lack a block' +
      (zeros > 0 ? `; small blocks of zeros stand in for ${zeros} that llama.cpp does not do without` : ''),
  ];
}

function typeNotes({ source }: PrunedModel, type: GgufWeightType, tensors: readonly GgufOutput[]): string[] {
  const wide = tensors.filter(({ shape, typeName }) => shape.length > 1 && typeName === 'F16');
  if (type === 'q8_0' && wide.length > 0) {
    const rows = [...new Set(wide.map(({ shape }) => shape.at(-1)))].join(', ');
    return [`${wide.length} tensors are in F16: their rows of ${rows} are no multiple of the 32 of Q8_0`];
  }
  const isDecoded = source.format === 'huggingface' && source.folder !== source.sourcePath;
  if (type === 'source' && isDecoded) {
    return ['the quantized weights of the source are decoded to F32: --dtype q8_0 is a quarter of that'];
  }
  return [];
}
