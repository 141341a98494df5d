/** Small tokenizer.json documents of the kinds that language models use. */

type Json = Record<string, unknown>;
type Merge = readonly [string, string];

const WORDS = ["(?i:'s|'t|'re|'ve|'m|'ll|'d)", '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+', '\\p{N}{1,3}'];
const BREAKS = [' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*', '\\s*[\\r\\n]+', '\\s+(?!\\S)', '\\s+'];
const LLAMA3_REGEX = [...WORDS, ...BREAKS].join('|');

const byteLevelModel = bpe(byteAlphabet(), [
  ['t', 'h'],
  ['th', 'e'],
  ['Ġ', 'the'],
  ['Ġ', 'a'],
  ['Ċ', 'Ċ'],
  ['Ġ', 'Ġ'],
  ['ĠĠ', 'ĠĠ'],
  ['1', '2'],
  ['Ġ', '1'],
  ['a', 'n'],
  ['an', 'd'],
  ['.', '.'],
  ["'", 's'],
  ['Â', '²'],
  ['Ġ', 'Â²'],
  ['Â²', 'Â²'],
]);

const pieceModel = bpe(
  [
    '<unk>',
    '<s>',
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    ...'▁abcdefghijklmnopqrstuvwxyzé.,\n12',
  ],
  [
    ['▁', '▁'],
    ['▁▁', '▁▁'],
    ['t', 'h'],
    ['th', 'e'],
    ['▁', 'the'],
    ['▁', 'a'],
    ['a', 'n'],
    ['▁a', 'n'],
    ['n', '▁'],
  ],
  { unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
);

const unigramModel = {
  type: 'Unigram',
  unk_id: 0,
  byte_fallback: false,
  vocab: [
    ['<unk>', 0],
    ...[...'▁abcdefghijklmnopqrstuvwxyz.,12'].map((piece, i) => [piece, -5 - i / 7]),
    ['▁the', -2],
    ['the', -3.3],
    ['an', -4.1],
    ['▁▁', -4],
    ['▁a', -2.2],
    ['nd', -4.5],
  ],
};

const spacesToMarks = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const byteLevel = (prefix: boolean, regex: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: prefix,
  trim_offsets: true,
  use_regex: regex,
});
const split = (pattern: Json, behavior: string, invert = false): Json => ({
  type: 'Split',
  pattern,
  behavior,
  invert,
});
const metaspace = (scheme: string, splits: boolean): Json => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: scheme,
  split: splits,
});

/** Byte-level BPE behind the given pre-tokenizers. */
export function byteLevelTokenizer(...pretokenizers: Json[]): Json {
  return tokenizer(byteLevelModel, { pre_tokenizer: { type: 'Sequence', pretokenizers } });
}

/** Special token `<s>` (id 272) is put first by the post-processor; `<pad>` (id 273) strips the space around it. */
export const withSpecialTokens = tokenizer(byteLevelModel, {
  pre_tokenizer: byteLevel(false, true),
  added_tokens: [addedToken(272, '<s>', {}), addedToken(273, '<pad>', { lstrip: true, rstrip: true })],
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [272], tokens: ['<s>'] } },
  },
});

/** Sentencepiece-like: no pre-tokenizer, a whole text is one BPE word. */
export const oneWordBpe = tokenizer(pieceModel, {
  normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spacesToMarks] },
});

export const oneWordUnigram = tokenizer(unigramModel, { pre_tokenizer: metaspace('always', false) });

/** Every kind, by the name its test is titled with. */
export const smallTokenizers: Readonly<Record<string, Json>> = {
  'byte-level': byteLevelTokenizer(byteLevel(false, true)),
  'byte-level with a prefix space': byteLevelTokenizer(byteLevel(true, true)),
  'single digits, byte-level': byteLevelTokenizer(
    { type: 'Digits', individual_digits: true },
    byteLevel(false, true),
  ),
  'digit groups, byte-level': byteLevelTokenizer(
    { type: 'Digits', individual_digits: false },
    byteLevel(false, true),
  ),
  'isolated regex': byteLevelTokenizer(split({ Regex: LLAMA3_REGEX }, 'Isolated'), byteLevel(false, false)),
  'removed inverted regex': byteLevelTokenizer(
    split({ Regex: LLAMA3_REGEX }, 'Removed', true),
    byteLevel(false, false),
  ),
  'punctuation runs': byteLevelTokenizer(
    { type: 'Punctuation', behavior: 'Contiguous' },
    byteLevel(false, true),
    { type: 'Digits', individual_digits: false },
    split({ Regex: '[0-9][0-9][0-9]' }, 'Isolated'),
  ),
  'single punctuation marks': byteLevelTokenizer(
    { type: 'Punctuation', behavior: 'Isolated' },
    byteLevel(false, true),
  ),
  'words and symbols': byteLevelTokenizer({ type: 'Whitespace' }, byteLevel(false, false)),
  'white space removed': byteLevelTokenizer({ type: 'WhitespaceSplit' }, byteLevel(false, false)),
  'composed characters': { ...byteLevelTokenizer(byteLevel(false, true)), normalizer: { type: 'NFC' } },
  'special tokens': withSpecialTokens,
  'one BPE word': oneWordBpe,
  'unsplit marks': tokenizer(pieceModel, { pre_tokenizer: metaspace('first', false) }),
  'split marks': tokenizer(pieceModel, { pre_tokenizer: metaspace('always', true) }),
  'spaces merged with previous': tokenizer(pieceModel, {
    normalizer: spacesToMarks,
    pre_tokenizer: split({ String: ' ' }, 'MergedWithPrevious'),
  }),
  'letter merged with previous': tokenizer(pieceModel, {
    pre_tokenizer: split({ String: 'a' }, 'MergedWithPrevious'),
  }),
  'letter merged with next': tokenizer(pieceModel, {
    pre_tokenizer: split({ String: 'a' }, 'MergedWithNext'),
  }),
  'letter runs': tokenizer(pieceModel, { pre_tokenizer: split({ String: 'a' }, 'Contiguous') }),
  'letter removed': tokenizer(pieceModel, { pre_tokenizer: split({ String: 'a' }, 'Removed') }),
  'Unigram words': tokenizer(unigramModel, { pre_tokenizer: metaspace('always', true) }),
  'one Unigram word': oneWordUnigram,
};

function tokenizer(model: Json, parts: Json): Json {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model,
    ...parts,
  };
}

function addedToken(id: number, content: string, options: Json): Json {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { id, content, ...plain, ...options };
}

function bpe(alphabet: readonly string[], merges: readonly Merge[], options: Json = {}): Json {
  const tokens = new Set([...alphabet, ...merges.map(([left, right]) => left + right)]);
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries([...tokens].map((token, id) => [token, id])),
    merges,
    ...options,
  };
}

/** The 256 characters that stand for bytes in byte-level vocabularies. */
function byteAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : 256 + others++),
  );
}
