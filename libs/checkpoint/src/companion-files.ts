import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromFileSystem } from './checkpoint-error.ts';
import { readFileIfThere } from './file-bytes.ts';

/** What transformers writes of a tokenizer; a folder has some of them. */
export const TOKENIZER_FILES: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
  'tokenizer.model',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
];
/** The largest tokenizers in use are near 35 MB. */
export const MAX_TOKENIZER_BYTES = 2 ** 28;
const GENERATION_FILE = 'generation_config.json';
const LICENCE_FILE = /^(licen[cs]e|notice|use_policy)/i;

/**
 * Reads those of the named files of a folder that are there, in the order of the names.
 * @throws CheckpointError when one cannot be read, or is beyond any tokenizer's size
 */
export async function readFilesThatAre(
  folder: string,
  names: readonly string[],
): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const bytes = await readFileIfThere(join(folder, name), MAX_TOKENIZER_BYTES);
    if (bytes !== null) files.set(name, bytes);
  }
  return files;
}

/**
 * The files of a model's folder that belong to it besides config.json and weights, whatever blocks it has: tokenizer,
 * generation_config.json, licence.
 * @throws CheckpointError when one cannot be read
 */
export async function readCompanionFiles(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fromFileSystem(error, folder);
  });
  const licences = entries
    .filter((entry) => !entry.isDirectory() && LICENCE_FILE.test(entry.name))
    .map(({ name }) => name)
    .sort();
  return readFilesThatAre(folder, [...TOKENIZER_FILES, GENERATION_FILE, ...licences]);
}
