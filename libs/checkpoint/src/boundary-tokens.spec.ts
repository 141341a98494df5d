import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SMOLLM2_GGUF, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readBoundaryTokens } from './boundary-tokens.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const write = (name: string, values: object): void =>
  writeFileSync(join(folder.path, name), JSON.stringify(values));

it('believes generation_config.json before config.json', async () => {
  write('config.json', { bos_token_id: 1, eos_token_id: 2 });
  expect(await readBoundaryTokens(folder.path)).toEqual({ beginning: 1, ends: [2] });
  write('generation_config.json', { eos_token_id: [128001, 128008, 128009] });
  expect(await readBoundaryTokens(folder.path)).toEqual({ beginning: 1, ends: [128001, 128008, 128009] });
});

it('takes none for none', async () => {
  write('config.json', { eos_token_id: null });
  expect(await readBoundaryTokens(folder.path)).toEqual({ beginning: null, ends: [] });
});

it('reads those of a GGUF', async () => {
  expect(await readBoundaryTokens(SMOLLM2_GGUF)).toEqual({ beginning: 1, ends: [2] });
});

it.each([
  ['no JSON', '{"eos_token_id":', /is not UTF-8 JSON/],
  ['no object', '[2]', /the top level is not a JSON object/],
  ['lists in lists', `{"eos_token_id":${'['.repeat(100)}`, /nests deeper than 64 levels/],
  ['more than a megabyte', JSON.stringify({ more: 'x'.repeat(2 ** 20) }), /the limit is 1048576/],
])('refuses a generation_config.json of %s', async (_, text, reason) => {
  write('config.json', { eos_token_id: 2 });
  writeFileSync(join(folder.path, 'generation_config.json'), text);
  await expect(readBoundaryTokens(folder.path)).rejects.toThrow(reason);
});

it.each([-1, 1.5, '2', 2 ** 31, [2, null], Array.from({ length: 65 }, (_, i) => i)])(
  'refuses %j',
  async (value) => {
    write('config.json', { eos_token_id: value });
    await expect(readBoundaryTokens(folder.path)).rejects.toThrow(
      /config\.json: eos_token_id is .*: expected/,
    );
  },
);
