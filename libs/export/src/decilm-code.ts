import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { smallFile, type PlannedFile } from './planned-file.ts';

const FOLDER = join(import.meta.dirname, '../decilm');

/** What config.json says of the classes in the files of `decilmCode`. */
export const DECILM_AUTO_MAP = {
  AutoConfig: 'configuration_decilm.DeciLMConfig',
  AutoModelForCausalLM: 'modeling_decilm.DeciLMForCausalLM',
};

/** The code that transformers, which has no nemotron-nas of its own, runs a folder with (`trust_remote_code`). */
export function decilmCode(): Promise<PlannedFile[]> {
  const names = ['configuration_decilm.py', 'modeling_decilm.py'];
  return Promise.all(names.map(async (name) => smallFile(name, await readFile(join(FOLDER, name)))));
}
