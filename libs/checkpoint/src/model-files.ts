import { basename, join } from 'node:path';
import { fingerprintModel } from './fingerprint.ts';
import { readGgufModel } from './gguf-split.ts';
import { readModelFolder } from './huggingface-folder.ts';
import { locateModel } from './locate-model.ts';

/** The files that a model is read from, and nothing else that lies beside them. */
export interface ModelFiles {
  /** As a checkpoint that is opened has it. */
  readonly fingerprint: string;
  /** Name of the file that is opened as the model; null: the folder with all files is. */
  readonly entry: string | null;
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

/**
 * Lists the files of a model and takes its fingerprint: headers and samples are read, nothing is decoded.
 * @throws CheckpointError when the model is absent, damaged or not supported
 */
export async function listModelFiles(path: string): Promise<ModelFiles> {
  const located = await locateModel(path);
  if (located.kind === 'gguf') {
    const { parts } = await readGgufModel(located.file);
    return {
      fingerprint: await fingerprintModel(new Uint8Array(0), parts),
      entry: basename(located.file),
      files: parts.map(({ file }) => ({ name: basename(file), path: file })),
    };
  }
  const { folder, configBytes, weights, fileNames } = await readModelFolder(located.folder);
  return {
    fingerprint: await fingerprintModel(configBytes, weights.shards),
    entry: null,
    files: fileNames.map((name) => ({ name, path: join(folder, name) })),
  };
}
