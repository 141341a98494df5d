import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ggufTokenizerKeys } from './gguf-tokenizer-keys.ts';

type Json = Record<string, unknown>;

const LETTERS = Array.from({ length: 256 }, (_, byte) => byte)
  .filter((byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173))
  .concat(Array.from({ length: 68 }, (_, i) => 256 + i))
  .map((letter) => String.fromCharCode(letter));

const vocabOf = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

const added = (id: number, content: string, more: Json = {}): Json => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ...more,
});

const template = (front: string[], behind: string[], ids: Record<string, number>): Json => ({
  type: 'TemplateProcessing',
  single: [
    ...front.map((id) => ({ SpecialToken: { id, type_id: 0 } })),
    { Sequence: { id: 'A', type_id: 0 } },
    ...behind.map((id) => ({ SpecialToken: { id, type_id: 0 } })),
  ],
  pair: [],
  special_tokens: Object.fromEntries(
    [...front, ...behind].map((id) => [id, { id, ids: [ids[id]], tokens: [id] }]),
  ),
});

/** A tokenizer as SmolLM2 has it: every byte, two merges, and three tokens that are added. */
function byteLevel(more: Json = {}, model: Json = {}): Json {
  return {
    added_tokens: [
      added(256, '<|end|>'),
      added(257, '<|im_start|>'),
      added(258, '<tool>', { special: false }),
    ],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: { ...vocabOf(LETTERS), ab: 259, abc: 260 },
      merges: ['a b', ['ab', 'c']],
      ...model,
    },
    ...more,
  };
}

const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);
/** The pre-tokenizer of Llama 3 and Qwen 2, which take digits otherwise. */
function words(digits: string): Json {
  const regex =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
    `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
  const split = { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return { pre_tokenizer: { type: 'Sequence', pretokenizers: [split, bytes] } };
}

const PIECES = [...['<unk>', '<s>', '</s>', '▁', 'a', 'b', 'ab', '▁ab', '▁▁', '▁▁▁'], ...BYTES];
const MERGES = ['a b', '▁ ab', '▁ ▁', '▁ ▁▁', '▁▁ ▁'];

const metaspace = (prepend_scheme: string, more: Json = {}): Json => ({
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme, split: false, ...more },
});

/** A tokenizer as Llama 2 has it. */
function sentencePiece(more: Json = {}, model: Json = {}): Json {
  return {
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: template(['<s>'], [], { '<s>': 1 }),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      ...{ type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
      vocab: vocabOf(PIECES),
      merges: MERGES,
      ...model,
    },
    ...more,
  };
}

function convert(tokenizer: Json | string, vocabSize: number, config: Json = {}) {
  const tokenizerJson = typeof tokenizer === 'string' ? tokenizer : JSON.stringify(tokenizer);
  const files = { source: '/m', vocabSize, tokenizerJson, absence: null, config, chatTemplate: '{{ chat }}' };
  return ggufTokenizerKeys(files, { bos: 5, eos: 6, pad: null });
}

type Converted = Extract<ReturnType<typeof convert>, { reason: null }>;

const valuesOf = (...given: Parameters<typeof convert>) =>
  Object.fromEntries(
    [...convert(...given).keys!].map(([key, { value }]) => [key.replace('tokenizer.ggml.', ''), value]),
  );

describe('the keys of a GGUF', () => {
  it('say what a byte-level tokenizer is, and pad the vocabulary', () => {
    const config = { bos_token: '<|im_start|>', eos_token: { content: '<|end|>' } };
    const { tokens, token_type: types, ...others } = valuesOf(byteLevel(), 263, config);
    expect(others).toEqual({
      ...{ model: 'gpt2', pre: 'smollm', merges: ['a b', 'ab c'], add_space_prefix: false },
      ...{ bos_token_id: 257, eos_token_id: 256, add_bos_token: false, add_eos_token: false },
      'tokenizer.chat_template': '{{ chat }}',
    });
    expect((tokens as string[]).slice(255)).toEqual([
      LETTERS[255],
      ...['<|end|>', '<|im_start|>', '<tool>', 'ab', 'abc', '[PAD261]', '[PAD262]'],
    ]);
    expect((types as number[]).slice(255)).toEqual([1, 3, 3, 4, 1, 1, 5, 5]);
  });

  it('take the ids of the model where the tokenizer names none', () => {
    expect(valuesOf(byteLevel(), 261)).toMatchObject({ bos_token_id: 5, eos_token_id: 6 });
  });

  it('say what a post-processor puts around a text', () => {
    const around = template(['<|im_start|>'], ['<|end|>'], { '<|im_start|>': 257, '<|end|>': 256 });
    const sequence = { type: 'Sequence', processors: [{ type: 'ByteLevel' }, around] };
    expect(valuesOf(byteLevel({ post_processor: sequence }), 261)).toMatchObject({
      ...{ bos_token_id: 257, eos_token_id: 256, add_bos_token: true, add_eos_token: true },
    });
  });

  it('say what a SentencePiece tokenizer is, by scores that give its merges', () => {
    expect(valuesOf(sentencePiece(), PIECES.length, { eos_token: '</s>' })).toEqual({
      ...{ model: 'llama', pre: 'default', tokens: PIECES, add_space_prefix: true },
      token_type: [2, 3, 3, 1, 1, 1, 1, 1, 1, 1, ...BYTES.map(() => 6)],
      scores: [-5, -5, -5, -5, -5, -5, 0, -1, -2, -3, ...BYTES.map(() => -5)],
      ...{ bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0, add_bos_token: true, add_eos_token: false },
      'tokenizer.chat_template': '{{ chat }}',
    });
  });

  it('hold the merges too where their order is none that scores give', () => {
    const merges = ['a b', '▁ ab', '▁▁ ▁', '▁ ▁▁', '▁ ▁'];
    const values = valuesOf(sentencePiece({}, { merges }), PIECES.length);
    expect(values.merges).toEqual(merges);
    expect((values.scores as number[]).slice(6, 10)).toEqual([0, -1, -4, -2]);
  });

  it.each<[string, Json, boolean, RegExp | null]>([
    ['never', metaspace('never'), false, null],
    ['always', metaspace('always'), true, /begins with one already$/],
    ['first', metaspace('first'), true, /begins with one already, and to text after a special token$/],
  ])(
    'say where Metaspace puts a space, %s, and note what llama.cpp does otherwise',
    (_, more, isAdded, note) => {
      const { keys, notes } = convert(sentencePiece(more), PIECES.length) as Converted;
      expect(keys.get('tokenizer.ggml.add_space_prefix')?.value).toBe(isAdded);
      expect(notes).toEqual(note === null ? [] : [expect.stringMatching(note)]);
    },
  );

  it.each<[string, string, Json, Json, RegExp | null]>([
    ['gpt-2', 'of GPT-2', { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } }, {}, null],
    ['smollm', 'in nested sequences', { normalizer: { type: 'Sequence', normalizers: [] } }, {}, null],
    ['llama-bpe', 'of Llama 3', words('\\p{N}{1,3}'), { ignore_merges: true }, null],
    ['smaug-bpe', 'of Llama 3 with merges', words('\\p{N}{1,3}'), {}, null],
    ['qwen2', 'of Qwen 2', { ...words('\\p{N}'), normalizer: { type: 'NFC' } }, {}, /normalization to NFC/],
  ])('name %s, the pre-tokenizer %s', (name, _, more, model, note) => {
    const { keys, notes } = convert(byteLevel(more, model), 261) as Converted;
    expect(keys.get('tokenizer.ggml.pre')?.value).toBe(name);
    expect(notes).toEqual(note === null ? [] : [expect.stringMatching(note)]);
  });

  it('note that special tokens are looked for otherwise', () => {
    const strips = added(256, '<|end|>', { lstrip: true });
    const { notes } = convert(byteLevel({ added_tokens: [strips, added(257, '<s>')] }), 261) as Converted;
    expect(notes).toEqual([
      expect.stringMatching(/^text beside 1 special tokens, as "<\|end\|>", may get other/),
    ]);
  });

  it.each<[string, Json, number, RegExp]>([
    ['unigram', byteLevel({}, { type: 'Unigram' }), 261, /its model is Unigram, not BPE/],
    ['a suffix of words', byteLevel({}, { end_of_word_suffix: '</w>' }), 261, /a suffix or dropout/],
    [
      'another pre-tokenizer',
      byteLevel({ pre_tokenizer: { type: 'Whitespace' } }),
      261,
      /its pre-tokenizer is none of smollm, refact/,
    ],
    ['another normalizer', byteLevel({ normalizer: { type: 'Lowercase' } }), 261, /none of smollm/],
    [
      'more tokens than rows',
      byteLevel(),
      260,
      /token "abc" has the id 260, and the embedding only 260 rows/,
    ],
    [
      'two tokens of one id',
      byteLevel({ added_tokens: [added(259, '<x>')] }),
      261,
      /has the id 259 of another one/,
    ],
    [
      'an ordinary token that strips what is beside it',
      byteLevel({ added_tokens: [added(256, 'word', { lstrip: true, special: false })] }),
      261,
      /^its token "word" is looked for otherwise than as it is/,
    ],
    [
      'two tokens in front of a text',
      byteLevel({ post_processor: template(['a', 'b'], [], { a: 64, b: 65 }) }),
      261,
      /^tokens that it puts around a text would not be the same/,
    ],
    [
      'a post-processor of BERT',
      byteLevel({ post_processor: { type: 'BertProcessing' } }),
      261,
      /its post-processor is BertProcessing, not one template/,
    ],
    [
      'bytes that are unknown',
      byteLevel({}, { unk_token: 'a', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] }),
      261,
      /^unknown token would not be the same/,
    ],
    [
      'merges that no scores order so',
      sentencePiece({}, { merges: ['a b', '▁ ab', 'a b', '▁ ▁', '▁ ▁▁', '▁▁ ▁'] }),
      PIECES.length,
      /^merges would not be the same/,
    ],
    [
      'fewer merges than ways to make a piece',
      sentencePiece({}, { merges: MERGES.slice(0, -1) }),
      PIECES.length,
      /^merges would not be the same/,
    ],
    [
      'words that are split at spaces',
      sentencePiece(metaspace('first', { split: true })),
      PIECES.length,
      /^its normalizer and its pre-tokenizer are none/,
    ],
    [
      'bytes without a token',
      sentencePiece({}, { vocab: vocabOf(PIECES.slice(0, -1)) }),
      PIECES.length,
      /^it has no token for each byte/,
    ],
    ['words taken whole', sentencePiece({}, { ignore_merges: true }), PIECES.length, /^it takes words whole/],
    ['another decoder', sentencePiece({ decoder: null }), PIECES.length, /^decoder would/],
  ])('cannot say %s', (_, tokenizer, vocabSize, reason) => {
    expect(convert(tokenizer, vocabSize)).toEqual({
      keys: null,
      reason: expect.stringMatching(reason) as string,
    });
  });

  it.each<[string, string, string]>([
    ['no JSON', '{"model"', '/m: tokenizer.json: is not JSON'],
    ['a list', '[]', 'tokenizer is a list: expected an object'],
    ['null', 'null', 'model is missing'],
    ['no vocabulary', '{"model": {}}', 'vocab is missing'],
    ['an id that is no number', '{"model": {"vocab": {"a": "b"}}}', '"a" has the id b'],
    ['an absurd id', '{"model": {"vocab": {"a": 1e15}}}', '"a" has the id 1000000000000000'],
    ['merges of three', '{"model": {"vocab": {}, "merges": [["a", "b", "c"]]}}', 'merges 0 is neither'],
    [
      'added tokens without text',
      '{"model": {"vocab": {}}, "added_tokens": [{"id": 1}]}',
      'content is missing',
    ],
    ['an added token of null', '{"model": {"vocab": {}}, "added_tokens": [null]}', 'added_tokens 0 is null'],
    ['no end of lists', '['.repeat(1e5), 'nests deeper than 64 levels'],
  ])('with %s is damaged', (_, text, message) => {
    expect(() => convert(text, 10)).toThrow(
      expect.objectContaining({
        name: 'CheckpointError',
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });

  it('are refused or made for any post-processor, but never fail otherwise', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (post_processor, decoder) => {
        const { keys, reason } = convert(byteLevel({ post_processor, decoder }), 261);
        expect(keys === null).toBe(reason !== null);
      }),
    );
  });
});
