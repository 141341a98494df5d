import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '@blockpruner/calibration';
import { openCheckpoint, readTokenizerFiles } from '@blockpruner/checkpoint';
import { planGguf, prunedModel, writeExport } from '@blockpruner/export';
import { temporaryFolder, TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mixedTexts } from '../../libs/calibration/test/mixed-text.ts';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../../tools/reference/runtimes/runtimes-python.ts';
import { openSource } from './case.ts';
import {
  PRE_TOKENIZERS,
  published,
  withMetaspace,
  withNewerMerges,
  withPreTokenizer,
  type TokenizerJson,
} from './tokenizer-forms.ts';

const MAX_TEXT_CHARACTERS = 3000;
const TEXTS = [
  ...Object.values(mixedTexts()).flat(),
  ...['<s>[INST] Hello [/INST] Hi</s>', 'a<s>b', 'a <s> b', ' <s>', '</s> \n<s>', `a${' '.repeat(99)}b`],
].map((text) => text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed());

interface Form {
  readonly name: string;
  readonly tokenizer: () => TokenizerJson;
  /** What an export notes, and the texts that this is about. */
  readonly note?: RegExp;
  readonly isNoted?: (text: string) => boolean;
}

const SPECIAL = String.raw`<unk>|<s>|<\/s>`;
const beginsWithSpace = (text: string): boolean => new RegExp(`(^|${SPECIAL})[ ▁]`).test(text);
const followsSpecial = (text: string): boolean => new RegExp(`(${SPECIAL}).`, 's').test(text);
/** llama.cpp takes it for a special token in the vocabulary of Qwen, which it is none of. */
const isMistaken = (text: string): boolean => text.includes('</s>');

const llama2 = (): TokenizerJson => published('llama2');
const qwen = (): TokenizerJson => published('qwen3');

const OF_PIECES: readonly Form[] = [
  { name: 'Llama 2', tokenizer: llama2 },
  { name: 'Llama 2 with newer merges', tokenizer: () => withNewerMerges(llama2()) },
  { name: 'Metaspace, never', tokenizer: () => withMetaspace(withNewerMerges(llama2()), 'never') },
  {
    name: 'Metaspace, always',
    tokenizer: () => withMetaspace(llama2(), 'always'),
    note: /begins with one already$/,
    isNoted: beginsWithSpace,
  },
  {
    name: 'Metaspace, first',
    tokenizer: () => withMetaspace(withNewerMerges(llama2()), 'first'),
    note: /begins with one already, and to text after a special token$/,
    isNoted: (text) => beginsWithSpace(text) || followsSpecial(text),
  },
];

const BYTE_LEVEL: readonly Form[] = [
  { name: 'Llama 3', tokenizer: () => published('llama3_1') },
  {
    name: 'Llama 3 without ignore_merges',
    tokenizer: () => {
      const tokenizer = published('llama3_1');
      return { ...tokenizer, model: { ...tokenizer.model, ignore_merges: false } };
    },
  },
  {
    name: 'Qwen',
    tokenizer: qwen,
    note: /without Unicode normalization to NFC/,
    isNoted: (text) => isMistaken(text) || text.normalize('NFC') !== text,
  },
  {
    name: 'GPT-2',
    tokenizer: () => withPreTokenizer(qwen(), PRE_TOKENIZERS.gpt2),
    isNoted: isMistaken,
  },
  {
    name: 'DeepSeek Coder',
    tokenizer: () => withPreTokenizer(qwen(), PRE_TOKENIZERS.deepseekCoder),
    note: /spaces beyond ASCII/,
    isNoted: (text) => isMistaken(text) || /[\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(text),
  },
  {
    name: 'Tekken',
    tokenizer: () => withPreTokenizer(published('llama3_1'), PRE_TOKENIZERS.tekken, true),
    note: /capitals from small letters in ASCII alone/,
    isNoted: (text) => /[^\P{L}a-zA-Z]|\p{M}/u.test(text),
  },
];

describe('a GGUF that is made of a folder has, in llama.cpp, the tokenizer of the folder', () => {
  let folder: TemporaryFolder;
  beforeEach(() => void (folder = temporaryFolder()));
  afterEach(() => folder.remove());

  async function exported(source: string): Promise<{ path: string; notes: readonly string[] }> {
    const checkpoint = await openCheckpoint(source, { cacheFolder: folder.path });
    const plan = await planGguf(prunedModel(checkpoint, []), { type: 'f16', card: 'a test' });
    const output = join(folder.path, 'gguf');
    await writeExport(output, plan, { identity: output });
    return {
      path: join(output, plan.files.find(({ name }) => name.endsWith('.gguf'))!.name),
      notes: plan.notes,
    };
  }

  async function modelWith(tokenizer: TokenizerJson): Promise<string> {
    const path = join(folder.path, 'model');
    await writeTinyModel(path, {
      ...TINY_MODELS['llama-gqa-untied'],
      tied: true,
      vocabSize: rowsOf(tokenizer),
    });
    writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(tokenizer));
    return path;
  }

  const idsIn = async (path: string): Promise<string[]> => {
    const tokenizer = await loadTokenizer(await readTokenizerFiles(path), 'add');
    return (await tokenizer.encodeBatch(TEXTS)).map((ids) => ids.join(' '));
  };

  /** Ids of all texts, as words. */
  interface Tokenized {
    readonly source: readonly string[];
    readonly reader: readonly string[];
    readonly llamaCpp: readonly string[];
  }

  /** By the tokenizer of the folder, by what the reader makes of the GGUF, and by llama.cpp. */
  async function tokenized(source: string, gguf: string): Promise<Tokenized> {
    const script = join(RUNTIME_SCRIPTS, 'tokenize_llamacpp.py');
    const output = execFileSync(RUNTIMES_PYTHON, [script, gguf], {
      input: JSON.stringify(TEXTS),
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const llamaCpp = (JSON.parse(output) as number[][]).map((ids) => ids.join(' '));
    expect(llamaCpp).toHaveLength(TEXTS.length);
    return { source: await idsIn(source), reader: await idsIn(gguf), llamaCpp };
  }

  const differing = (some: readonly string[], others: readonly string[]): string[] =>
    TEXTS.filter((_, i) => some[i] !== others[i]);

  // Of these the reader does what llama.cpp does, of byte-level ones what the folder does.
  it.each([
    ...OF_PIECES.map((form) => ({ ...form, readAs: 'llamaCpp' as const })),
    ...BYTE_LEVEL.map((form) => ({ ...form, readAs: 'source' as const })),
  ])('$name', async ({ tokenizer, note, isNoted = () => false, readAs }) => {
    const source = await modelWith(tokenizer());
    const { path, notes } = await exported(source);
    const ids = await tokenized(source, path);
    expect(notes).toEqual(note ? [expect.stringMatching(note)] : []);
    expect(differing(ids.reader, ids[readAs])).toEqual([]);
    const texts = differing(ids.source, ids.llamaCpp);
    expect(texts.filter((text) => !isNoted(text))).toEqual([]);
    if (note) expect(texts).not.toEqual([]);
  });

  it('SmolLM2, whose vocabulary lacks a few bytes', async () => {
    const { folder: source } = await openSource('smollm2', '');
    const { tokenizerJson } = await readTokenizerFiles(source);
    const path = await modelWith(JSON.parse(tokenizerJson!) as TokenizerJson);
    const { source: ofSource, llamaCpp } = await tokenized(path, (await exported(path)).path);
    const texts = differing(ofSource, llamaCpp);
    // Control characters, and such as no text has: they are left out there, and what is beside them merges or does not.
    expect(texts.filter((text) => !/[^\P{C}\n\r\t\u200b-\u2060\ufeff]/u.test(text))).toEqual([]);
  });
});

function rowsOf({ added_tokens: added, model }: TokenizerJson): number {
  const ids = [...Object.values(model.vocab), ...added.map(({ id }) => id)];
  return ids.reduce((highest, id) => Math.max(highest, id), 0) + 1;
}
