import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { describe, expect, it } from 'vitest';
import { byteLevelTokenizer, withSpecialTokens } from '../test/small-tokenizers.ts';
import { tokenizerSource } from '../test/tokenizer-source.ts';
import { CalibrationError } from './calibration-error.ts';
import { TokenizerProcess } from './tokenizer-process.ts';
import { loadTokenizer } from './tokenizer.ts';

type Json = Record<string, unknown>;

const source = (document: Json, more: Partial<TokenizerFiles> = {}) =>
  tokenizerSource({ tokenizerJson: JSON.stringify(document), ...more });

const template = (...single: string[]): Json => ({
  type: 'TemplateProcessing',
  single: single.map((id) =>
    id === 'A' ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } },
  ),
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: { '<s>': { id: '<s>', ids: [260], tokens: ['<s>'] } },
});

const idsOf = async (files: TokenizerFiles, policy: 'add' | 'none', text: string) => [
  ...(await (await loadTokenizer(files, policy)).encode(text)),
];

describe('special tokens', () => {
  const start = { token: '<s>', id: 260 };

  it.each<[string, Json, readonly object[], readonly object[]]>([
    ['none without a post-processor', byteLevelTokenizer, [], []],
    ['in front', withSpecialTokens, [start], []],
    ['behind', { ...withSpecialTokens, post_processor: template('A', '<s>') }, [], [start]],
    [
      'on both sides',
      { ...withSpecialTokens, post_processor: template('<s>', '<s>', 'A', '<s>') },
      [start, start],
      [start],
    ],
  ])('%s are named, and put around each text', async (_, document, prefix, suffix) => {
    const tokenizer = await loadTokenizer(source(document), 'add');
    expect([tokenizer.prefix, tokenizer.suffix]).toEqual([prefix, suffix]);
    expect([...(await tokenizer.encode('the'))]).toEqual([
      ...prefix.map(() => 260),
      257,
      ...suffix.map(() => 260),
    ]);
    expect([...(await tokenizer.encode(''))]).toEqual([...prefix, ...suffix].map(() => 260));
  });

  it('are left out where none are wanted, but found in a text', async () => {
    const tokenizer = await loadTokenizer(source(withSpecialTokens), 'none');
    expect([tokenizer.prefix, tokenizer.suffix]).toEqual([[], []]);
    expect([...(await tokenizer.encode('the'))]).toEqual([257]);
    expect([...(await tokenizer.encode('<s>the'))]).toEqual([260, 257]);
  });

  it('do not follow add_bos_token, which transformers drops where there is a tokenizer.json', async () => {
    const config = { add_bos_token: false, add_eos_token: true, bos_token: '<s>', eos_token: '<s>' };
    expect(await idsOf(source(withSpecialTokens, { config }), 'add', 'the')).toEqual([260, 257]);
  });
});

it('truncation and padding of the file are switched off', async () => {
  const truncation = { direction: 'Right', max_length: 2, strategy: 'LongestFirst', stride: 0 };
  const padding = {
    strategy: { Fixed: 9 },
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '!',
  };
  const ids = await idsOf(source({ ...byteLevelTokenizer, truncation, padding }), 'add', 'the the the the');
  expect(ids).toEqual([257, 258, 258, 258]);
});

it('a batch has the ids of its texts, in their order', async () => {
  const tokenizer = await loadTokenizer(source(withSpecialTokens), 'add');
  const texts = ['the', '', 'a\u0000b', '🦙 the', 'x'.repeat(1000)];
  const alone = await Promise.all(texts.map((text) => tokenizer.encode(text)));
  expect(await tokenizer.encodeBatch(texts)).toEqual(alone);
  expect(await tokenizer.encodeBatch([])).toEqual([]);
});

it('ids decode to the text, without special tokens', async () => {
  const document = {
    ...withSpecialTokens,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  };
  const tokenizer = await loadTokenizer(source(document), 'add');
  expect(await tokenizer.decode(await tokenizer.encode('the 🦙'))).toBe('the 🦙');
});

it('the last of two equal keys of the vocabulary counts, as in transformers', async () => {
  const json = JSON.stringify(byteLevelTokenizer).replace('"vocab":{', '"vocab":{"a":5,');
  expect(await idsOf(tokenizerSource({ tokenizerJson: json }), 'none', 'a')).toEqual([97]);
});

describe('refused with one error is', () => {
  const refusal = (code: string, message: RegExp) => ({
    name: 'CalibrationError',
    code,
    message: expect.stringMatching(message) as string,
  });

  it.each([
    ['do this', /^there is none; do this$/],
    [null, /^there is none; give token-id arrays \(\.json\), which need none$/],
  ])('a model without a tokenizer, in the words of its reader', async (wayOut, message) => {
    const load = loadTokenizer(
      tokenizerSource({ tokenizerJson: null, absence: { reason: 'there is none', wayOut } }),
      'add',
    );
    await expect(load).rejects.toMatchObject(refusal('tokenizer', message));
  });

  it('an id beyond the vocabulary of the model', async () => {
    const tokenizer = await loadTokenizer(source(withSpecialTokens, { vocabSize: 260 }), 'none');
    expect([...(await tokenizer.encode('the'))]).toEqual([257]);
    await expect(tokenizer.encode('the <s>')).rejects.toMatchObject(
      refusal(
        'token-id',
        /^the tokenizer of \/models\/small gives token id 260, but the model's vocabulary has 260 tokens; give the tokenizer of this model$/,
      ),
    );
  });

  it('an id beyond 31 bits', async () => {
    const document = {
      ...byteLevelTokenizer,
      model: { ...(byteLevelTokenizer.model as Json), vocab: { a: 2 ** 32 - 1 }, merges: [] },
    };
    await expect(idsOf(source(document), 'none', 'a')).rejects.toMatchObject(
      refusal('token-id', /token id 4294967295/),
    );
  });

  it('half of a UTF-16 pair in a text', async () => {
    await expect(idsOf(source(byteLevelTokenizer), 'none', 'a\ud83d')).rejects.toMatchObject(
      refusal('format', /holds half of a UTF-16 pair, .*; replace it$/),
    );
  });

  it('a tokenizer that splits special tokens', async () => {
    const load = loadTokenizer(source(byteLevelTokenizer, { config: { split_special_tokens: true } }), 'add');
    await expect(load).rejects.toMatchObject(
      refusal('tokenizer', /split_special_tokens .*; give token-id arrays$/),
    );
  });

  it('a tokenizer that gives other ids each time', async () => {
    const document = {
      ...byteLevelTokenizer,
      model: { ...(byteLevelTokenizer.model as Json), dropout: 0.1 },
    };
    await expect(loadTokenizer(source(document), 'add')).rejects.toMatchObject(
      refusal('tokenizer', /model\.dropout is 0\.1, which gives other ids each time/),
    );
  });
});

describe('the process', () => {
  const json = JSON.stringify(byteLevelTokenizer);

  it('starts again after a text that it could not take', async () => {
    const document = {
      ...byteLevelTokenizer,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '(x+)+$' }, behavior: 'Isolated', invert: false },
    };
    const tokenizer = await loadTokenizer(source(document), 'none');
    await expect(tokenizer.encode(`${'x'.repeat(60)}!`)).rejects.toThrow(CalibrationError);
    expect(await tokenizer.encode('y')).toHaveLength(1);
  });

  it('works through requests in their order', async () => {
    const tokenizer = new TokenizerProcess('/m', json);
    const done: number[] = [];
    await Promise.all(
      ['the '.repeat(50_000), 'the', ''].map(async (text, i) => {
        await tokenizer.encode([text], false);
        done.push(i);
      }),
    );
    expect(done).toEqual([0, 1, 2]);
  });
});
