import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { integerField, type Fields } from './field.ts';
import { MAX_TENSORS, readGgufHeader, type GgufFile, type GgufTensor } from './gguf-header.ts';

/** Ten times what the largest published models are split into. */
const MAX_PARTS = 1024;
const PART_DIGITS = 5;
const PART_NAME = /^(.*)-\d{5}-of-\d{5}(\.gguf)$/is;
const PLAIN_NAME = /^(.*)(\.gguf)$/is;

/** A model in one GGUF file, or in the parts that llama.cpp's gguf-split makes. */
export interface GgufModel {
  /** What the user named, absolute. */
  readonly file: string;
  /** The file that holds the metadata of the model. */
  readonly first: GgufFile;
  /** Every file, in order. */
  readonly parts: readonly Pick<GgufFile, 'file' | 'sizeBytes' | 'headerBytes'>[];
  /** The tensors of all files. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** What a file says of itself. */
interface Split {
  readonly partCount: number;
  /** Of all parts together. */
  readonly tensorCount: number;
}

/** The path of a part of the model that the file is a part of, whether the file itself is well named or not. */
function pathOfPart(file: string, index: number, partCount: number): string {
  const [, stem, extension] = PART_NAME.exec(basename(file)) ?? PLAIN_NAME.exec(basename(file)) ?? [];
  const digits = (number: number) => String(number).padStart(PART_DIGITS, '0');
  return join(dirname(file), `${stem}-${digits(index + 1)}-of-${digits(partCount)}${extension}`);
}

/** The models among the files of a folder, each by its only or first file, in the order of their names. */
export function listGgufModels(names: readonly string[]): string[] {
  const files = new Map<string, string>();
  for (const name of [...names].sort()) {
    const [, stem] = PART_NAME.exec(name) ?? PLAIN_NAME.exec(name) ?? [];
    if (stem !== undefined && !files.has(stem)) files.set(stem, name);
  }
  return [...files.values()];
}

function readSplit({ file, metadata }: GgufFile): Split {
  const fields: Fields = { file, values: metadata };
  const partCount = integerField(fields, 'split.count', { min: 2, max: MAX_PARTS });
  const index = integerField(fields, 'split.no', { min: 0, max: partCount - 1 });
  const tensorCount = integerField(fields, 'split.tensors.count', { min: 1, max: MAX_TENSORS });
  const expected = pathOfPart(file, index, partCount);
  if (file !== expected) {
    throw new CheckpointError(
      'malformed',
      `${file}: is part ${index + 1} of ${partCount} by its split.no ${index} and split.count ${partCount}: ` +
        `it must be named ${basename(expected)}, with all parts in one folder`,
    );
  }
  return { partCount, tensorCount };
}

async function refuseMissing(paths: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const path of paths) {
    try {
      await stat(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fromFileSystem(error, path);
      missing.push(path);
    }
  }
  if (missing.length > 0) {
    throw new CheckpointError(
      'not-found',
      `${missing[0]} is missing: the model is split into ${paths.length} files, which must all lie in this folder; ` +
        `${missing.length} of them ${missing.length === 1 ? 'does' : 'do'} not`,
    );
  }
}

function addTensors(all: Map<string, GgufTensor>, part: GgufFile): void {
  for (const [name, tensor] of part.tensors) {
    const before = all.get(name);
    if (before !== undefined) {
      throw new CheckpointError(
        'malformed',
        `${part.file}: tensor ${name} is in ${basename(before.file)} too`,
      );
    }
    all.set(name, tensor);
  }
}

async function readParts(named: GgufFile): Promise<GgufModel> {
  const split = readSplit(named);
  const paths = Array.from({ length: split.partCount }, (_, index) =>
    pathOfPart(named.file, index, split.partCount),
  );
  await refuseMissing(paths);

  let first = named;
  const parts: GgufModel['parts'][number][] = [];
  const tensors = new Map<string, GgufTensor>();
  for (const [index, path] of paths.entries()) {
    const part = path === named.file ? named : await readGgufHeader(path);
    const { tensorCount } = readSplit(part);
    addTensors(tensors, part);
    if (tensorCount !== split.tensorCount || tensors.size > tensorCount) {
      throw new CheckpointError(
        'malformed',
        `${path}: split.tensors.count is ${tensorCount}, but ${basename(named.file)} says ${split.tensorCount}, ` +
          `and the parts up to here hold ${tensors.size}`,
      );
    }
    if (index === 0) first = part;
    // The metadata of the other parts is let go.
    parts.push({ file: path, sizeBytes: part.sizeBytes, headerBytes: part.headerBytes });
  }
  if (tensors.size !== split.tensorCount) {
    throw new CheckpointError(
      'missing-tensor',
      `${named.file}: split.tensors.count is ${split.tensorCount}, but the ${paths.length} parts hold ${tensors.size} tensors`,
    );
  }
  return { file: named.file, first, parts, tensors };
}

/**
 * Reads the header of a GGUF, and of the other parts where it is one part of a model. They are found by their names,
 * `name-00001-of-00003.gguf`, in the folder of the one that is named.
 * @param file absolute, of any part
 * @throws CheckpointError when a part is missing, damaged or another than its name says, and when the parts do not
 * fit together
 */
export async function readGgufModel(file: string): Promise<GgufModel> {
  const named = await readGgufHeader(file);
  // A merged file has a count of 0.
  const partCount = integerField(
    { file, values: named.metadata },
    'split.count',
    { min: 0, max: MAX_PARTS },
    1,
  );
  if (partCount > 1) return readParts(named);
  return { file, first: named, parts: [named], tensors: named.tensors };
}
