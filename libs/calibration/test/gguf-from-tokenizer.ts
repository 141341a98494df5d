import { ggufBytes, type GgufValue } from '../../checkpoint/test/gguf-bytes.ts';

/** The parts of a tokenizer.json of BPE that a converter to GGUF reads. */
export interface BpeDocument {
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly special: boolean;
  }[];
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
  };
}

const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;

interface Tokens {
  readonly texts: string[];
  readonly types: number[];
}

function tokensById({ model, added_tokens }: BpeDocument, vocabSize: number): Tokens {
  const texts = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = texts.map(() => UNUSED);
  for (const [token, id] of Object.entries(model.vocab)) {
    texts[id] = token;
    types[id] = NORMAL;
  }
  for (const { id, content, special } of added_tokens) {
    texts[id] = content;
    types[id] = special ? CONTROL : USER_DEFINED;
  }
  return { texts, types };
}

function file(metadata: Record<string, GgufValue>, { texts, types }: Tokens): Buffer {
  const embedding = { name: 'token_embd.weight', type: 0, dimensions: [1, texts.length] };
  return ggufBytes(
    {
      'general.architecture': { string: 'llama' },
      'tokenizer.ggml.tokens': { strings: texts },
      'tokenizer.ggml.token_type': { i32s: types },
      ...metadata,
    },
    [{ ...embedding, data: new Uint8Array(4 * texts.length) }],
  );
}

/** A GGUF as llama.cpp's converter writes it of a byte-level tokenizer: tokens beyond the vocabulary are padding. */
export function byteLevelGguf(
  document: BpeDocument,
  pre: string,
  vocabSize: number,
  more: Record<string, GgufValue> = {},
): Buffer {
  const merges = document.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  return file(
    {
      'tokenizer.ggml.model': { string: 'gpt2' },
      'tokenizer.ggml.pre': { string: pre },
      'tokenizer.ggml.merges': { strings: merges },
      ...more,
    },
    tokensById(document, vocabSize),
  );
}

/** Of a run of spaces, which SentencePiece does not train. */
const SPACES_SCORE = -1e9;

/** The same of the tokenizer.model of Llama 2, whose scores count down behind the special and byte pieces. */
export function sentencePieceGguf(document: BpeDocument, more: Record<string, GgufValue> = {}): Buffer {
  const tokens = tokensById(document, Object.keys(document.model.vocab).length);
  const isByte = tokens.texts.map((text) => /^<0x[0-9A-F]{2}>$/.test(text));
  const types = tokens.types.map((type, id) => (id === 0 ? UNKNOWN : isByte[id] ? BYTE : type));
  const firstPiece = types.indexOf(NORMAL);
  const scores = tokens.texts.map((text, id) => {
    return /^▁▁+$/.test(text) ? SPACES_SCORE : Math.min(0, firstPiece - id);
  });
  return file(
    {
      'tokenizer.ggml.model': { string: 'llama' },
      'tokenizer.ggml.pre': { string: 'default' },
      'tokenizer.ggml.scores': { f32s: scores },
      ...more,
    },
    { texts: tokens.texts, types },
  );
}
