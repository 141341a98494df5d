import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointError, fromFileSystem } from './checkpoint-error.ts';
import type { DecodeProgress } from './decoded-cache.ts';
import { openGguf } from './gguf-checkpoint.ts';
import { openFloatFolder, readModelFolder } from './huggingface-folder.ts';
import { findSnapshot } from './hub-cache-folder.ts';
import { openQuantizedFolder } from './quantized-folder.ts';

/** A file of a Hugging Face folder. */
const MODEL_FILE = /\.(safetensors|json|jinja|bin|pt|pth|h5|msgpack)$/i;

export interface OpenOptions {
  /** Where the decoded copies of quantized models are kept; created when it is needed. */
  readonly cacheFolder: string;
  /** Called while weights are decoded, in bytes of the decoded weights. */
  readonly onProgress?: DecodeProgress;
}

/**
 * Opens a model: a Hugging Face folder (config.json and safetensors), a model's folder in the hub's cache, or a `.gguf`
 * file. Sizes, names and shapes of all tensors are checked; weights are not read, except to decode quantized ones.
 * @throws CheckpointError when the model is absent, damaged or not supported
 */
export async function openCheckpoint(path: string, options: OpenOptions): Promise<Checkpoint> {
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
  const cacheFolder = resolve(options.cacheFolder);
  if (isFolder) {
    const folder = await readModelFolder(await findSnapshot(absolute));
    return folder.quantization === null
      ? openFloatFolder(folder)
      : openQuantizedFolder(folder, folder.quantization, cacheFolder, options.onProgress);
  }
  if (!basename(absolute).toLowerCase().endsWith('.gguf')) {
    const folder = MODEL_FILE.test(absolute) ? dirname(absolute) : 'the folder that holds config.json';
    throw new CheckpointError(
      'unsupported',
      `${absolute}: is neither a Hugging Face folder nor a .gguf file: name ${folder}`,
    );
  }
  return openGguf(absolute, cacheFolder, options.onProgress);
}
