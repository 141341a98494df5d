import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/tiny-model.ts';
import { readCompanionFiles } from './companion-files.ts';

describe('readCompanionFiles', () => {
  const folder = temporaryFolder();

  it('reads what belongs to a model whatever its blocks, and nothing else', async () => {
    const names = ['tokenizer.json', 'vocab.json', 'generation_config.json', 'LICENCE', 'USE_POLICY.md'];
    for (const name of [...names, 'config.json', 'README.md', 'model.safetensors', 'run.py']) {
      writeFileSync(join(folder, name), name);
    }
    mkdirSync(join(folder, 'licenses'));
    const files = await readCompanionFiles(folder);
    expect([...files].map(([name, bytes]) => [name, bytes.toString()])).toEqual(
      names.map((name) => [name, name]),
    );
  });

  it('says which file cannot be read, and that a folder is not there', async () => {
    mkdirSync(join(folder, 'merges.txt'));
    await expect(readCompanionFiles(folder)).rejects.toThrow('merges.txt: is a folder: expected a file');
    await expect(readCompanionFiles(join(folder, 'none'))).rejects.toThrow('none: does not exist');
  });
});
