import { resolve } from 'node:path';
import type { Checkpoint } from './checkpoint.ts';
import type { DecodeProgress } from './decoded-cache.ts';
import { openGguf } from './gguf-checkpoint.ts';
import { openFloatFolder, readModelFolder } from './huggingface-folder.ts';
import { locateModel } from './locate-model.ts';
import { openQuantizedFolder } from './quantized-folder.ts';

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
  const located = await locateModel(path);
  const cacheFolder = resolve(options.cacheFolder);
  if (located.kind === 'gguf') return openGguf(located.file, cacheFolder, options.onProgress);
  const folder = await readModelFolder(located.folder);
  return folder.quantization === null
    ? openFloatFolder(folder)
    : openQuantizedFolder(folder, folder.quantization, cacheFolder, options.onProgress);
}
