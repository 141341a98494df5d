import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import { listGgufModels } from './gguf-split.ts';
import { findSnapshot } from './hub-cache-folder.ts';

/** A file of a Hugging Face folder. */
const MODEL_FILE = /\.(safetensors|json|jinja|bin|pt|pth|h5|msgpack)$/i;

/** What a path leads to. */
export type LocatedModel =
  { readonly kind: 'folder'; readonly folder: string } | { readonly kind: 'gguf'; readonly file: string };

/**
 * Tells the forms of a model apart: a folder (of the hub's cache, the snapshot in it), or a `.gguf` file, which may be
 * named by a folder that holds no other model.
 * @throws CheckpointError when it is neither
 */
export async function locateModel(path: string): Promise<LocatedModel> {
  const absolute = resolve(path);
  let isFolder: boolean;
  try {
    isFolder = (await stat(absolute)).isDirectory();
  } catch (error) {
    const failure = fromFileSystem(error, absolute);
    if (!(failure instanceof CheckpointError) || failure.code !== 'not-found') throw failure;
    throw new CheckpointError(
      'not-found',
      `${absolute} does not exist: name a Hugging Face folder or a .gguf file`,
    );
  }
  if (isFolder) {
    const folder = await findSnapshot(absolute);
    const file = await findOnlyGguf(folder);
    return file === null ? { kind: 'folder', folder } : { kind: 'gguf', file };
  }
  if (!basename(absolute).toLowerCase().endsWith('.gguf')) {
    const folder = MODEL_FILE.test(absolute) ? dirname(absolute) : 'the folder that holds config.json';
    throw new CheckpointError(
      'unsupported',
      `${absolute}: is neither a Hugging Face folder nor a .gguf file: name ${folder}`,
    );
  }
  return { kind: 'gguf', file: absolute };
}

/** The GGUF in a folder that is no Hugging Face folder, or its first part; null when there is none, or more than one. */
async function findOnlyGguf(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fromFileSystem(error, folder);
  });
  const models = names.includes('config.json') ? [] : listGgufModels(names);
  return models.length === 1 ? join(folder, models[0]) : null;
}
