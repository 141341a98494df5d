import type { Checkpoint } from './checkpoint.ts';
import { fingerprintModel } from './fingerprint.ts';
import { decodedFolder, ensureDecoded, type DecodeProgress } from './decoded-cache.ts';
import { readGgufModel } from './gguf-split.ts';
import { planDecode } from './gguf-plan.ts';
import { openHuggingFaceFolder } from './huggingface-folder.ts';

/**
 * Opens a GGUF by decoding it, once, into a Hugging Face folder of float32 weights in the cache.
 * @param file absolute; of a model that is split, any part
 * @throws CheckpointError when it cannot be decoded, or the cache folder has too little space
 */
export async function openGguf(
  file: string,
  cacheFolder: string,
  onProgress?: DecodeProgress,
): Promise<Checkpoint> {
  const gguf = await readGgufModel(file);
  const plan = await planDecode(gguf);
  const fingerprint = await fingerprintModel(new Uint8Array(0), gguf.parts);
  const entry = decodedFolder(cacheFolder, fingerprint);
  await ensureDecoded(entry, plan, onProgress);
  const decoded = await openHuggingFaceFolder(entry);
  return { ...decoded, sourcePath: file, format: 'gguf', fingerprint };
}
