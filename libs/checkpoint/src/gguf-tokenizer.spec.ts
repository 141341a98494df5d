import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from './checkpoint-error.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';

type Metadata = Record<string, unknown>;

const LETTERS = ['a', 'b', 'ab', '▁', '▁a', '▁ab', '<0x0A>', '<|user|>'];
const TOKENS = ['<unk>', '<s>', '</s>', ...LETTERS];
const TYPES = [2, 3, 3, 1, 1, 1, 1, 1, 1, 6, 4];

const lists: Metadata = {
  'general.architecture': 'llama',
  'tokenizer.ggml.tokens': TOKENS,
  'tokenizer.ggml.token_type': TYPES,
};

const byteLevel = (more: Metadata = {}): Metadata => ({
  ...lists,
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'smollm',
  'tokenizer.ggml.merges': ['a b'],
  'tokenizer.ggml.bos_token_id': 1,
  'tokenizer.ggml.eos_token_id': 2,
  ...more,
});

const sentencePiece = (more: Metadata = {}): Metadata => ({
  ...lists,
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.scores': [0, 0, 0, -3, -4, -1, -5, -2, -2, 0, -1000],
  ...more,
});

/** A SentencePiece vocabulary of nothing but pieces. */
const pieces = (count: number, text: (id: number) => string): Metadata => {
  const ids = Array.from({ length: count }, (_, id) => id);
  return sentencePiece({
    'tokenizer.ggml.tokens': ids.map(text),
    'tokenizer.ggml.token_type': ids.map(() => 1),
    'tokenizer.ggml.scores': ids.map((id) => -id),
  });
};

const convert = (metadata: Metadata, vocabSize = TOKENS.length) =>
  ggufTokenizer({ file: '/m.gguf', metadata }, vocabSize);

interface Converted {
  readonly model: { readonly merges: string[][] } & Record<string, unknown>;
  readonly added_tokens: { readonly id: number; readonly special: boolean }[];
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly post_processor: { readonly single: unknown[] } | null;
}

const converted = (metadata: Metadata) => convert(metadata).files?.tokenizer as Converted;

/** The texts of the tokens around a sequence. */
function around(metadata: Metadata): string[] {
  const { post_processor } = converted(metadata);
  return (post_processor?.single ?? []).map((part) => {
    const { SpecialToken: special } = part as { SpecialToken?: { id: string } };
    return special?.id ?? 'text';
  });
}

describe('a byte-level vocabulary', () => {
  it.each([
    ['smollm', 2, false],
    ['llama-bpe', 2, true],
    ['llama3', 2, true],
    ['llama-v3', 2, true],
    ['falcon3', 2, true],
    ['qwen2', 2, false],
    ['deepseek-r1-qwen', 2, false],
    ['default', 5, false],
  ])('with the pre-tokenizer %s is converted', (pre, steps, ignoresMerges) => {
    const { pre_tokenizer, model } = converted(byteLevel({ 'tokenizer.ggml.pre': pre }));
    expect((pre_tokenizer as { pretokenizers: unknown[] }).pretokenizers).toHaveLength(steps);
    expect(model).toMatchObject({ merges: [['a', 'b']], ignore_merges: ignoresMerges, byte_fallback: false });
  });

  it('takes control and user-defined tokens out of a text first', () => {
    expect(converted(byteLevel()).added_tokens.map(({ id, special }) => [id, special])).toEqual([
      [1, true],
      [2, true],
      [10, false],
    ]);
  });

  it.each<[string, Metadata, string[]]>([
    ['none where llama.cpp adds none', {}, []],
    ['BOS where llama.cpp does', { 'tokenizer.ggml.pre': 'llama-bpe' }, ['<s>', 'text']],
    [
      'none where the file says so',
      { 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false },
      [],
    ],
    [
      'none where llama.cpp would add one that the file does not name',
      { 'tokenizer.ggml.pre': 'falcon3', 'tokenizer.ggml.bos_token_id': undefined },
      [],
    ],
    [
      'both where the file says so',
      { 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.add_eos_token': true },
      ['<s>', 'text', '</s>'],
    ],
  ])('puts tokens around a text: %s', (_, more, expected) => {
    expect(around(byteLevel(more))).toEqual(expected);
  });
});

describe('a SentencePiece vocabulary', () => {
  it('has merges by falling score, and by the ids of the parts among equal ones', () => {
    expect(converted(sentencePiece()).model).toMatchObject({
      merges: [
        ['a', 'b'],
        ['▁', 'a'],
        ['▁', 'ab'],
        ['▁a', 'b'],
      ],
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
    });
  });

  it('keeps the merges that the file has', () => {
    const metadata = sentencePiece({ 'tokenizer.ggml.merges': ['▁ a'], 'tokenizer.ggml.scores': undefined });
    expect(converted(metadata).model.merges).toEqual([['▁', 'a']]);
  });

  it('puts a space and BOS in front of a text, unless the file says otherwise', () => {
    const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
    const said = { 'tokenizer.ggml.add_space_prefix': false, 'tokenizer.ggml.add_bos_token': false };
    expect(converted(sentencePiece()).normalizer).toMatchObject({
      normalizers: [{ type: 'Prepend', prepend: '▁' }, replace],
    });
    expect(around(sentencePiece())).toEqual(['<s>', 'text']);
    expect(converted(sentencePiece(said)).normalizer).toMatchObject({ normalizers: [replace] });
    expect(around(sentencePiece(said))).toEqual([]);
  });

  it('takes the unknown token, too, out of a text first', () => {
    expect(converted(sentencePiece()).added_tokens.map(({ id, special }) => [id, special])).toEqual([
      [0, true],
      [1, true],
      [2, true],
      [10, false],
    ]);
  });
});

describe('a tokenizer of another kind gives a note', () => {
  it.each<[string, Metadata, RegExp]>([
    [
      'without a model',
      { ...lists },
      /\(model "none", pre-tokenizer "none"\) cannot be converted: known models/,
    ],
    ['of WordPiece', { ...lists, 'tokenizer.ggml.model': 'bert' }, /known models are gpt2 and llama/],
    ['without a pre-tokenizer', byteLevel({ 'tokenizer.ggml.pre': undefined }), /known are smollm, refact, /],
    ['with an unknown one', byteLevel({ 'tokenizer.ggml.pre': 'constructor' }), /known are smollm, /],
    ['that starts with a space', byteLevel({ 'tokenizer.ggml.add_space_prefix': true }), /a space in front/],
    ['of Gemma', sentencePiece({ 'general.architecture': 'gemma2' }), /scores of Gemma's pieces/],
    [
      'that removes spaces',
      sentencePiece({ 'tokenizer.ggml.remove_extra_whitespaces': true }),
      /extra spaces/,
    ],
    [
      'whose scores are lost',
      sentencePiece({ 'tokenizer.ggml.scores': TOKENS.map(() => -1000) }),
      /scores are all the same/,
    ],
  ])('%s', (_, metadata, reason) => {
    expect(convert(metadata)).toEqual({ files: null, note: expect.stringMatching(reason) as string });
  });
});

describe('a damaged tokenizer is refused', () => {
  const many = Array.from({ length: 70_000 }, (_, id) => `t${id}`);
  it.each<[string, Metadata, RegExp, number?]>([
    ['too few tokens', byteLevel(), /one entry for each of the 12 rows/, 12],
    ['no types', byteLevel({ 'tokenizer.ggml.token_type': undefined }), /one entry for each of the 11 rows/],
    [
      'a token twice',
      byteLevel({ 'tokenizer.ggml.tokens': TOKENS.with(3, '<s>') }),
      /tokens 1 and 3 are the same/,
    ],
    [
      'a merge of three',
      byteLevel({ 'tokenizer.ggml.merges': ['a b', 'a b c'] }),
      /merges 1 is not two tokens: "a b c"/,
    ],
    [
      'merges that are numbers',
      byteLevel({ 'tokenizer.ggml.merges': [1] }),
      /merges is a list: expected a list of strings/,
    ],
    [
      'a BOS that is asked for and not named',
      byteLevel({ 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.bos_token_id': undefined }),
      /add_bos_token is true, but there is no bos_token_id/,
    ],
    ['a BOS beyond the vocabulary', byteLevel({ 'tokenizer.ggml.bos_token_id': 11 }), /bos_token_id is 11/],
    [
      'no scores',
      sentencePiece({ 'tokenizer.ggml.scores': undefined }),
      /scores is not one number for each of the 11/,
    ],
    [
      'a score that is no number',
      sentencePiece({ 'tokenizer.ggml.scores': TOKENS.map(() => NaN) }),
      /is not one number/,
    ],
    [
      'a piece without end',
      sentencePiece({ 'tokenizer.ggml.tokens': TOKENS.with(3, 'a'.repeat(129)) }),
      /piece of 129 characters, the limit is 128/,
    ],
    [
      'thousands of control tokens',
      byteLevel({ 'tokenizer.ggml.tokens': many, 'tokenizer.ggml.token_type': many.map(() => 3) }),
      /70000 control and user-defined tokens, the limit is 65536/,
      70_000,
    ],
    [
      'text without end',
      byteLevel({ 'tokenizer.ggml.tokens': TOKENS.with(3, 'x'.repeat(2 ** 25)) }),
      /characters, the limit is 33554432/,
    ],
    [
      'pieces that are long',
      pieces(34_000, (id) => `${id} `.repeat(64).slice(0, 128)),
      /pieces of more than 4194304 characters together/,
      34_000,
    ],
    [
      'pieces that merge in ever more ways',
      pieces(64 * 64, (id) => 'a'.repeat(id % 64) + 'b'.repeat(Math.floor(id / 64))),
      /so many ways that they have more than 16777216 characters/,
      64 * 64,
    ],
  ])('%s', (_, metadata, reason, vocabSize = TOKENS.length) => {
    const message = expect.stringMatching(reason) as string;
    expect(() => convert(metadata, vocabSize)).toThrow(
      expect.objectContaining({ name: 'CheckpointError', message }) as Error,
    );
  });

  it('or converted, whatever a field holds', () => {
    const keys = [...new Set([...Object.keys(byteLevel()), ...Object.keys(sentencePiece())])];
    const value = fc.oneof(
      fc.constantFrom(undefined, null, true, '', 'llama', 'gpt2', 'qwen2', NaN, -1, 1e10),
      fc.string(),
      fc.array(fc.oneof(fc.string(), fc.integer(), fc.double()), { maxLength: 12 }),
      fc.array(fc.string(), { minLength: TOKENS.length, maxLength: TOKENS.length }),
      fc.array(fc.double(), { minLength: TOKENS.length, maxLength: TOKENS.length }),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.constantFrom(...keys), value, (isByteLevel, key, given) => {
        try {
          const { files, note } = convert((isByteLevel ? byteLevel : sentencePiece)({ [key]: given }));
          expect(files === null).toBe(note !== null);
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
