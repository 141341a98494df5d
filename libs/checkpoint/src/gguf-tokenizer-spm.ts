import { CheckpointError } from './checkpoint-error.ts';

/** SentencePiece makes pieces of at most 16 characters by default; so have the longest runs of spaces of Llama. */
const MAX_PIECE_LENGTH = 128;
/** Gemma's 256 thousand pieces can be cut in two in some two million ways. */
const MAX_CUTS = 2 ** 22;
/** Four times what Gemma's merges have. */
const MAX_MERGE_CHARACTERS = 2 ** 24;

/** A piece that others are merged to. */
export interface Piece {
  readonly text: string;
  readonly score: number;
}

/**
 * The merges that a SentencePiece BPE vocabulary stands for: each way to put a piece together from two others, the
 * better score first, and by the ids of the piece and of its parts among equal scores, which runs of spaces have.
 * So ordered are those of the tokenizer.json that came with Llama 2, and what transformers wrote until 2024.
 * @param pieces in the order of their ids
 * @param ids of every token by its text
 * @throws CheckpointError when the vocabulary is beyond what any model has
 */
export function mergesFromScores(
  pieces: readonly Piece[],
  ids: ReadonlyMap<string, number>,
  file: string,
): [string, string][] {
  const beyond = (what: string) =>
    new CheckpointError(
      'malformed',
      `${file}: tokenizer.ggml.tokens ${what}: no SentencePiece vocabulary is like that`,
    );
  const merges: { readonly pair: [string, string]; readonly score: number }[] = [];
  let cuts = 0;
  let mergeCharacters = 0;
  for (const { text, score } of pieces) {
    if (text.length > MAX_PIECE_LENGTH)
      throw beyond(`has a piece of ${text.length} characters, the limit is ${MAX_PIECE_LENGTH}`);
    cuts += text.length;
    if (cuts > MAX_CUTS) throw beyond(`has pieces of more than ${MAX_CUTS} characters together`);
    const ways = cutsInTwo(text, ids);
    mergeCharacters += text.length * ways.length;
    if (mergeCharacters > MAX_MERGE_CHARACTERS)
      throw beyond(
        `can be merged in so many ways that they have more than ${MAX_MERGE_CHARACTERS} characters`,
      );
    for (const pair of ways) merges.push({ pair, score });
  }
  // Sorting is stable.
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}

function cutsInTwo(text: string, ids: ReadonlyMap<string, number>): [string, string][] {
  const ways: { readonly pair: [string, string]; readonly left: number; readonly right: number }[] = [];
  for (let at = 1; at < text.length; at++) {
    // No token is half of a pair of UTF-16, so that a cut inside of one is none.
    const pair: [string, string] = [text.slice(0, at), text.slice(at)];
    const [left, right] = pair.map((part) => ids.get(part));
    if (left !== undefined && right !== undefined) ways.push({ pair, left, right });
  }
  return ways.sort((a, b) => a.left - b.left || a.right - b.right).map(({ pair }) => pair);
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
