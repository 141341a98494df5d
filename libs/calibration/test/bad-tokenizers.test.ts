import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { descendants, processExists, waitFor } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CalibrationError } from '../src/calibration-error.ts';
import { TokenizerProcess } from '../src/tokenizer-process.ts';
import { loadTokenizer } from '../src/tokenizer.ts';
import { byteLevelTokenizer, withSpecialTokens } from './small-tokenizers.ts';
import { tokenizerSource } from './tokenizer-source.ts';

type Json = Record<string, unknown>;

const TEXT = `Hello 12 é 漢 ${'a'.repeat(60)}!`;
/** Names the model, and is one line of less than 400 characters. */
const ONE_LINE = /^(the tokenizer of )?\/models\/small\b[^\p{Cc}]{1,380}$/u;
const model = byteLevelTokenizer.model as Json & { vocab: Json; merges: string[][] };
const withModel = (fields: Json): Json => ({ ...byteLevelTokenizer, model: { ...model, ...fields } });
const withVocab = (vocab: Json): Json => withModel({ vocab: { ...model.vocab, ...vocab } });
const withField = (name: string, type: string, fields: Json): Json => ({
  ...byteLevelTokenizer,
  [name]: { type, ...fields },
});
const split = (regex: string): Json =>
  withField('pre_tokenizer', 'Split', { pattern: { Regex: regex }, behavior: 'Isolated', invert: false });
const replace = (pattern: Json, content: string): Json => ({ type: 'Replace', pattern, content });
const normalizers = (list: readonly Json[]): Json =>
  withField('normalizer', 'Sequence', { normalizers: list });
const unigram = (vocab: unknown, unk_id: number | null = 0): Json => ({
  ...byteLevelTokenizer,
  model: { type: 'Unigram', unk_id, vocab },
});
const template = (single: readonly Json[], special_tokens: Json = {}): Json =>
  withField('post_processor', 'TemplateProcessing', { single, pair: [], special_tokens });
const nested = (depth: number): string =>
  JSON.stringify(byteLevelTokenizer).replace(
    '"pre_tokenizer":',
    `"pre_tokenizer":${'{"type":"Sequence","pretokenizers":['.repeat(depth)}{"type":"Whitespace"}${']}'.repeat(depth)},"x":`,
  );

/** Each either aborted the library's process, filled its memory, or is refused by it. */
const BAD: Record<string, Json | string> = {
  'an empty file': '',
  'a file that is cut off': JSON.stringify(byteLevelTokenizer).slice(0, 1500),
  'a list': '[]',
  null: 'null',
  'a number beyond all': '1e400',
  'a hundred thousand brackets': '['.repeat(1e5),
  'no model': { version: '1.0' },
  'another version': { ...byteLevelTokenizer, version: '2.0' },
  'half of a UTF-16 pair for a key': JSON.stringify(byteLevelTokenizer).replace(
    '"vocab":{',
    '"vocab":{"\\ud800":400,',
  ),
  'an id beyond 32 bits': withVocab({ zz: 2 ** 32 }),
  'a negative id': withVocab({ zz: -1 }),
  'a broken id': withVocab({ zz: 1.5 }),
  'an id beyond the model': withVocab({ H: 2 ** 32 - 1 }),
  'an added id beyond 32 bits': { ...withSpecialTokens, added_tokens: [{ id: 1e12, content: 'H' }] },
  'no vocabulary': withModel({ vocab: {} }),
  'an unknown token that is missing': withModel({
    unk_token: '<u>',
    vocab: { ...model.vocab, H: undefined },
  }),
  'a merge of unknown tokens': withModel({ merges: [['zz', 'yy']] }),
  'a merge to an unknown token': withModel({ merges: [['H', 'e']] }),
  'a merge of three': withModel({ merges: [['H', 'e', 'l']] }),
  'a merge that is one word': withModel({ merges: ['He'] }),
  'a prefix longer than what is merged': withModel({ continuing_subword_prefix: '##########' }),
  'a dropout beyond 1': withModel({ dropout: 7 }),
  'a regular expression that is not closed': split('(a'),
  'a regular expression that never ends': split('(a+)+$'),
  'another one': split('(a|aa)+$'),
  'a replacement that never ends': normalizers([replace({ Regex: '(a+)+$' }, 'b')]),
  'a replacement of nothing': normalizers([replace({ String: '' }, 'b')]),
  'replacements that double a text': normalizers(
    Array.from({ length: 40 }, () => replace({ String: 'a' }, 'aa')),
  ),
  'replacements that fill the memory': normalizers(
    Array.from({ length: 5 }, () => replace({ String: 'a' }, 'a'.repeat(100))),
  ),
  'a character map that is none': withField('normalizer', 'Precompiled', { precompiled_charsmap: 'AAAA' }),
  'a character map that points outside': withField('normalizer', 'Precompiled', {
    precompiled_charsmap: Buffer.from([8, 0, 0, 0, ...Array<number>(8).fill(255), 1, 2, 3]).toString(
      'base64',
    ),
  }),
  'an unknown normalizer': withField('normalizer', 'Nothing', {}),
  'pieces of no length': withField('pre_tokenizer', 'FixedLength', { length: 0 }),
  'sequences nested a thousand deep': nested(1000),
  'a template of a missing token': template([{ SpecialToken: { id: '<x>', type_id: 0 } }]),
  'a template of the second text': template([{ Sequence: { id: 'B', type_id: 0 } }]),
  'a template without a text': template([{ SpecialToken: { id: 'x', type_id: 0 } }], {
    x: { id: 'x', ids: [1], tokens: ['x'] },
  }),
  'a vocabulary that has no token for a text': withModel({ vocab: { b: 0 }, merges: [] }),
  'a unigram without pieces': unigram([]),
  'a unigram whose unknown piece is outside': unigram([['a', -1]], 9),
  'a unigram without an unknown piece': unigram([['b', -1]], null),
  'a unigram with a score that is a text': unigram([['a', 'b']]),
};

describe('one error is all that comes of', { timeout: 30_000 }, () => {
  it.each(Object.entries(BAD))('%s', async (_, document) => {
    const json = typeof document === 'string' ? document : JSON.stringify(document);
    const use = async () =>
      (await loadTokenizer(tokenizerSource({ tokenizerJson: json }), 'add')).encode(TEXT);
    const error: unknown = await use().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CalibrationError);
    expect((error as Error).message).toMatch(ONE_LINE);
  });

  it('a text that takes too long', async () => {
    const tokenizer = new TokenizerProcess('/m', JSON.stringify(split('(?:x+x+)+y')), { baseMs: 500 });
    await expect(tokenizer.encode([`${'x'.repeat(20)} `.repeat(2_000)], false)).rejects.toMatchObject({
      code: 'limit',
      message: expect.stringMatching(/^\/m: its tokenizer, on this text, takes more than \d+ s; /) as string,
    });
  });
});

it('a damaged tokenizer encodes, or is refused with one error', { timeout: 120_000 }, async () => {
  const good = Buffer.from(JSON.stringify(withSpecialTokens));
  const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0x22, 0x2c, 0x2d, 0x39, 0x5b, 0x7b));
  const changes = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), byte), { minLength: 1, maxLength: 3 });
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(changes, async (list) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of list) bytes[at] = value;
      try {
        const tokenizer = await loadTokenizer(
          tokenizerSource({ tokenizerJson: bytes.toString('utf8') }),
          'add',
        );
        for (const id of await tokenizer.encode(TEXT)) expect(id).toBeLessThan(1000);
      } catch (error) {
        if (!(error instanceof CalibrationError)) throw error;
        expect(error.message).toMatch(ONE_LINE);
        refused++;
      }
    }),
    { numRuns: 40 },
  );
  expect(refused).toBeGreaterThan(10);
});

describe('the process of the tokenizer', { timeout: 30_000 }, () => {
  let parent: ChildProcess | undefined;
  afterEach(() => parent?.kill('SIGKILL'));

  /** A process that loads a tokenizer, then does what the program says. */
  async function start(program: string): Promise<number> {
    const module = JSON.stringify(new URL('../src/tokenizer-process.ts', import.meta.url).href);
    const json = JSON.stringify(JSON.stringify(split('(?:x+x+)+y')));
    const source = `
      const { TokenizerProcess } = await import(${module});
      const tokenizer = new TokenizerProcess('/m', ${json}, { idleMs: 300 });
      await tokenizer.load();
      process.stdout.write('loaded');
      ${program}`;
    parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout as NodeJS.ReadableStream, 'data');
    return parent.pid as number;
  }

  it('ends when its parent is killed, in the middle of a text too', async () => {
    const pid = await start("await tokenizer.encode([('x'.repeat(20) + ' ').repeat(1e6)], false);");
    const [child] = descendants(pid);
    expect(processExists(child)).toBe(true);
    parent?.kill('SIGKILL');
    await waitFor(() => !processExists(child), { timeoutMs: 10_000 });
  });

  it('ends when it was idle, and starts again for the next text', async () => {
    const pid = await start(
      'setInterval(() => {}, 1000); process.on("SIGUSR2", async () => { await tokenizer.encode(["b"], false); });',
    );
    const [first] = descendants(pid);
    await waitFor(() => !processExists(first), { timeoutMs: 10_000 });
    expect(descendants(pid)).toEqual([]);
    parent?.kill('SIGUSR2');
    await waitFor(() => descendants(pid).length === 1, { timeoutMs: 10_000 });
  });

  it('does not keep its parent alive', async () => {
    await start('');
    const [code] = (await once(parent as ChildProcess, 'exit')) as [number];
    expect(code).toBe(0);
  });
});
