import { join } from 'node:path';
import { CheckpointError } from './checkpoint-error.ts';
import { readConfigFile } from './config-file.ts';
import type { Fields } from './field.ts';
import { readGgufModel } from './gguf-split.ts';
import { LIMITS } from './limits.ts';
import { locateModel } from './locate-model.ts';

/** Some families have five. */
const MAX_END_IDS = 64;

/** The tokens that texts of a model begin and end with. */
export interface BoundaryTokens {
  readonly beginning: number | null;
  /** None where the model's files do not say. */
  readonly ends: readonly number[];
}

/**
 * Reads which tokens begin and end a text: generation_config.json says, else config.json, as in transformers; of a GGUF
 * the metadata, where a turn of a chat may end in another way than a text.
 * @throws CheckpointError when a file cannot be read, or an id is none
 */
export async function readBoundaryTokens(modelPath: string): Promise<BoundaryTokens> {
  const located = await locateModel(modelPath);
  if (located.kind === 'gguf') {
    const { first } = await readGgufModel(located.file);
    const fields: Fields = { file: first.file, values: first.metadata };
    const ids = (name: string): number[] => idsOf(fields, `tokenizer.ggml.${name}_token_id`);
    return { beginning: ids('bos')[0] ?? null, ends: [...new Set([...ids('eos'), ...ids('eot')])] };
  }
  const files = await Promise.all(
    ['generation_config.json', 'config.json'].map((name) => readConfigFile(join(located.folder, name))),
  );
  const ids = (key: string): number[] =>
    files.map((fields) => (fields === null ? [] : idsOf(fields, key))).find(({ length }) => length > 0) ?? [];
  return { beginning: ids('bos_token_id')[0] ?? null, ends: ids('eos_token_id') };
}

/** An id, or a list of them. */
function idsOf({ file, values }: Fields, key: string): number[] {
  const value = values[key] ?? [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const bad = list.find(
    (id) => !Number.isInteger(id) || Number(id) < 0 || Number(id) >= LIMITS.vocabSize.max,
  );
  if (bad === undefined && list.length <= MAX_END_IDS) return list as number[];
  const found = bad === undefined ? `a list of ${list.length}` : JSON.stringify(bad).slice(0, 40);
  throw new CheckpointError(
    'malformed',
    `${file}: ${key} is ${found}: expected a token id from 0 to ${LIMITS.vocabSize.max - 1}, or a list of at most ${MAX_END_IDS}`,
  );
}
