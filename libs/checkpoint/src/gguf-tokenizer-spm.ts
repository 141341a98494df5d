import { CheckpointError } from './checkpoint-error.ts';

/** SentencePiece makes pieces of at most 16 characters by default; the longest runs of Llama's have 16 too. */
const MAX_PIECE_CHARACTERS = 256;
/** Gemma's 256 thousand pieces can be cut in two in some two million ways. */
const MAX_CUTS = 2 ** 23;
/** Ten times what Gemma's merges have. */
const MAX_MERGE_CHARACTERS = 2 ** 25;

/** A piece that others are merged to. */
export interface Piece {
  readonly text: string;
  readonly score: number;
}

/**
 * The merges that a SentencePiece BPE vocabulary stands for: each way to put a piece together from two others, the
 * better score first, and longer parts first among equal scores. As `generate_merges` of transformers has it, which
 * wrote the tokenizer.json of the Llama models.
 * @param ids of every token by its text
 * @throws CheckpointError when the vocabulary is beyond what any model has
 */
export function mergesFromScores(
  pieces: readonly Piece[],
  ids: ReadonlyMap<string, number>,
  file: string,
): [string, string][] {
  const merges: { pair: [string, string]; score: number; lengths: [number, number] }[] = [];
  const beyond = (what: string) =>
    new CheckpointError(
      'malformed',
      `${file}: tokenizer.ggml.tokens ${what}: no SentencePiece vocabulary is like that`,
    );
  let cuts = 0;
  let mergeCharacters = 0;
  for (const { text, score } of pieces) {
    // Cut between code points, as Python counts them.
    const characters = text.length > 2 * MAX_PIECE_CHARACTERS ? null : [...text];
    if (characters === null || characters.length > MAX_PIECE_CHARACTERS)
      throw beyond(`has a piece of ${text.length} characters, the limit is ${MAX_PIECE_CHARACTERS}`);
    cuts += characters.length;
    if (cuts > MAX_CUTS) throw beyond(`has pieces of more than ${MAX_CUTS} characters together`);
    const local: {
      pair: [string, string];
      score: number;
      lengths: [number, number];
      ids: [number, number];
    }[] = [];
    let left = '';
    for (let length = 1; length < characters.length; length++) {
      left += characters[length - 1];
      const right = text.slice(left.length);
      const [leftId, rightId] = [ids.get(left), ids.get(right)];
      if (leftId === undefined || rightId === undefined) continue;
      const lengths: [number, number] = [length, characters.length - length];
      local.push({ pair: [left, right], score, lengths, ids: [leftId, rightId] });
      mergeCharacters += text.length;
    }
    if (mergeCharacters > MAX_MERGE_CHARACTERS)
      throw beyond(`can be merged in more than ${MAX_MERGE_CHARACTERS} characters of ways`);
    local.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
    merges.push(...local);
  }
  merges.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return merges.map(({ pair }) => pair);
}

interface SentencePieceOptions {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly string[])[];
  readonly unknownToken: string | null;
  readonly addSpacePrefix: boolean;
}

/**
 * The parts of a tokenizer.json that merge characters, with bytes for those that are no token. The space goes in
 * front of a text by a normalizer, as in the files of Llama 2, and as llama.cpp does it: in front of a space too.
 */
export function sentencePieceParts({
  vocab,
  merges,
  unknownToken,
  addSpacePrefix,
}: SentencePieceOptions): object {
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(addSpacePrefix ? [{ type: 'Prepend', prepend: '▁' }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        ...decoders,
        ...(addSpacePrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}
