type Json = Record<string, unknown>;

/** Byte-level BPE of 256 bytes and a few merges, as a tokenizer.json document. */
export const byteLevelTokenizer: Json = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: null,
  model: byteLevelModel([
    ['t', 'h'],
    ['th', 'e'],
    ['Ġ', 'the'],
    ['Ċ', 'Ċ'],
  ]),
};

/** The same with a special token `<s>` (id 260), put first by the post-processor. */
export const withSpecialTokens: Json = {
  ...byteLevelTokenizer,
  added_tokens: [
    {
      id: 260,
      content: '<s>',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [260], tokens: ['<s>'] } },
  },
};

function byteLevelModel(merges: readonly (readonly [string, string])[]): Json {
  const tokens = [...byteAlphabet(), ...merges.map(([left, right]) => left + right)];
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
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
