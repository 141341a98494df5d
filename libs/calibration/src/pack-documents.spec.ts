import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withFolder } from '../test/folder.ts';
import { tokenizerSource } from '../test/tokenizer-source.ts';
import { DropCount } from './drop-count.ts';
import { packDocuments } from './pack-documents.ts';
import { loadTokenizer } from './tokenizer.ts';

const records = Array.from({ length: 30 }, (_, i) => (i % 4 === 0 ? 'b' : 'bcfg'.repeat(i)));

async function pack(maxCharacters?: number, rowCount = 20) {
  const content = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  return withFolder({ 'c.jsonl': content }, async (folder) => {
    const tokenizer = tokenizerSource();
    const texts = await loadTokenizer(tokenizer, 'add');
    let readings = 0;
    const options = {
      ...{ name: 'c', files: [join(folder, 'c.jsonl')], textColumn: null, tokenizer },
      ...{ rowCount, rowTokens: 64, seed: 3 },
      onProgress: (done: number, total: number) => void (readings += done === total ? 1 : 0),
    };
    const nonEmpty = records.filter((record) => record !== '').length;
    const tokenizers = { texts, chats: texts };
    return {
      ...(await packDocuments(options, nonEmpty, new DropCount(), tokenizers, maxCharacters)),
      readings,
    };
  });
}

it('the documents are the same, however few are held at a time', async () => {
  const { readings, ...whole } = await pack();
  const bounded = await pack(150);
  expect(bounded).toMatchObject(whole);
  expect(bounded.readings).toBeGreaterThan(readings);
  expect(await pack(1)).toMatchObject(whole);
});

it('more rows than can be scored are refused before any is made', async () => {
  const options = { name: 'c', files: [], textColumn: null, tokenizer: null };
  const texts = await loadTokenizer(tokenizerSource(), 'add');
  const packing = packDocuments(
    { ...options, rowCount: 2 ** 21, rowTokens: 64, seed: 3 },
    2 ** 30,
    new DropCount(),
    { texts, chats: texts },
  );
  await expect(packing).rejects.toThrow(
    'c: more than 1048576 rows or 134217728 tokens are asked for, all of which would be scored; lower --rows or --seq-len',
  );
});
