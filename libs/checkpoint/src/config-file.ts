import type { Fields } from './field.ts';
import { parseJsonObject, readFileIfThere } from './file-bytes.ts';

/** A megabyte is far beyond the largest config. */
export const MAX_CONFIG_BYTES = 2 ** 20;

/**
 * The fields of a JSON file of a model's folder; null when the file is not there.
 * @throws CheckpointError when it cannot be read, is larger than `maxBytes`, or no JSON object
 */
export async function readConfigFile(
  file: string,
  maxBytes: number = MAX_CONFIG_BYTES,
): Promise<Fields | null> {
  const bytes = await readFileIfThere(file, maxBytes);
  return bytes && { file, values: parseJsonObject(bytes, file) };
}
